-- The practical limit of a push on this machine: the same rows in the same tables, written by one hand-written function
-- that trusts its caller. It checks no rights, no checksum and no schema, decides nothing but "is the version right",
-- keeps no base states, and chains the feed over a constant.

-- Batches that were committed without a place in the feed: see order.ts.
CREATE TABLE limit_unnumbered (id bigserial PRIMARY KEY, scope text, batch uuid, committed_at timestamptz(3), changes int,
  device_id uuid);

CREATE FUNCTION limit_push(p_device uuid, p_incarnation uuid, p_scope text, p_changes jsonb, p_publish boolean DEFAULT true)
  RETURNS json LANGUAGE plpgsql
  SET enable_seqscan = off
AS $$
DECLARE
  v_now timestamptz(3) := clock_timestamp();
  v_batch uuid := gen_random_uuid();
  v_seq bigint;
  v_chain bytea;
  v_seen uuid[];
  v_last bigint;
  v_answers json;
BEGIN
  INSERT INTO device_stream (device_id, incarnation) VALUES (p_device, p_incarnation) ON CONFLICT DO NOTHING;
  PERFORM FROM device_stream WHERE device_id = p_device AND incarnation = p_incarnation FOR UPDATE;
  v_seen := ARRAY(SELECT r.op_id FROM op_result r
    WHERE r.op_id = ANY (ARRAY(SELECT c->>'op_id' FROM jsonb_array_elements(p_changes) c)::uuid[]));

  WITH sent AS MATERIALIZED (
    SELECT c.* FROM jsonb_to_recordset(p_changes) c(op_id uuid, seq bigint, "table" text, record_id uuid, operation text,
      base_version int, data jsonb, hlc text, vector jsonb, checksum text)
    WHERE c.op_id <> ALL (v_seen)
  ), written AS (
    -- Locks in key order, creates what is new, updates what stands at the version the edit was made on.
    INSERT INTO record AS r (scope, "table", id, version, data, checksum, hlc, vector, last_op_id, last_device_id,
      created_at, updated_at)
    SELECT p_scope, s."table", s.record_id, s.base_version + 1, s.data, s.checksum, s.hlc, s.vector, s.op_id, p_device,
      v_now, v_now
    FROM sent s ORDER BY s."table", s.record_id
    ON CONFLICT (scope, "table", id) DO UPDATE SET version = excluded.version, data = excluded.data,
      checksum = excluded.checksum, hlc = excluded.hlc, vector = excluded.vector, last_op_id = excluded.last_op_id,
      last_device_id = excluded.last_device_id, updated_at = excluded.updated_at
      WHERE r.version = excluded.version - 1
    RETURNING last_op_id
  ), decided AS MATERIALIZED (
    SELECT s.*, w.last_op_id IS NOT NULL AS applied FROM sent s LEFT JOIN written w ON w.last_op_id = s.op_id
  ), logged AS (
    INSERT INTO feed_change (scope, batch, ordinal, committed_at, "table", record_id, operation, effect, op_id, seq, outcome,
      before_version, after_version, data, checksum, hlc, vector, rule)
    SELECT p_scope, v_batch, d.seq, v_now, d."table", d.record_id, d.operation, CASE WHEN d.applied THEN 'UPSERT' ELSE 'NONE' END,
      d.op_id, d.seq, CASE WHEN d.applied THEN 'applied' ELSE 'superseded' END, d.base_version, d.base_version + 1, d.data,
      d.checksum, d.hlc, d.vector, '{"strategy": "lww"}'
    FROM decided d
  ), answered AS (
    INSERT INTO op_result (device_id, incarnation, seq, op_id, payload_hash, kind, answer, scope, "table", record_id, version)
    SELECT p_device, p_incarnation, d.seq, d.op_id, decode(d.checksum, 'hex'), 'accepted',
      '{"op_id":"' || d.op_id || '","record_id":"' || d.record_id || '","version":' || d.base_version + 1 || ',"outcome":"'
        || CASE WHEN d.applied THEN 'applied' ELSE 'superseded' END || '","data":null,"checksum":"' || d.checksum || '"}',
      p_scope, d."table", d.record_id, d.base_version + 1
    FROM decided d
    RETURNING seq, answer
  )
  SELECT json_agg(a.answer), max(a.seq) INTO v_answers, v_last FROM answered a;

  UPDATE device_stream SET last_seq = greatest(last_seq, v_last), revision = revision + 1
    WHERE device_id = p_device AND incarnation = p_incarnation;

  IF NOT p_publish THEN
    INSERT INTO limit_unnumbered (scope, batch, committed_at, changes, device_id)
      VALUES (p_scope, v_batch, v_now, jsonb_array_length(p_changes), p_device);
    RETURN json_build_object('answers', v_answers);
  END IF;

  -- Last, so that the head is held for as short as can be.
  INSERT INTO feed_head AS h (scope, seq, chain) VALUES (p_scope, 1, sha256('limit'))
    ON CONFLICT (scope) DO UPDATE SET seq = h.seq + 1, chain = sha256(h.chain || 'limit')
    RETURNING seq, chain INTO v_seq, v_chain;
  INSERT INTO feed_commit (scope, seq, committed_at, batch, position, changes, size_bytes, digest, chain, actor_kind, actor_id)
    VALUES (p_scope, v_seq, v_now, v_batch, nextval('feed_position'), jsonb_array_length(p_changes), 0, 'limit', v_chain,
      'device', p_device::text);
  RETURN json_build_object('seq', v_seq, 'answers', v_answers);
END $$;

/* Group commit: pushes that waited for each other, in one transaction. */
CREATE FUNCTION limit_push_group(p_pushes jsonb) RETURNS json LANGUAGE sql AS $$
  SELECT json_agg(limit_push((p->>'device')::uuid, (p->>'incarnation')::uuid, p->>'scope', p->'changes'))
  FROM jsonb_array_elements(p_pushes) p
$$;

/* Sequencer: whoever gets the lock gives a place to everything of the scope that is committed and has none. */
CREATE FUNCTION limit_number(p_scope text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  v_count int;
  v_seq bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended(p_scope, 0)) THEN RETURN 0; END IF;
  SELECT seq INTO v_seq FROM feed_head WHERE scope = p_scope;
  IF v_seq IS NULL THEN
    INSERT INTO feed_head (scope, seq, chain) VALUES (p_scope, 0, sha256('limit'));
    v_seq := 0;
  END IF;
  WITH taken AS (
    DELETE FROM limit_unnumbered WHERE scope = p_scope RETURNING *
  ), numbered AS (
    INSERT INTO feed_commit (scope, seq, committed_at, batch, position, changes, size_bytes, digest, chain, actor_kind, actor_id)
    SELECT t.scope, v_seq + row_number() OVER (ORDER BY t.id), t.committed_at, t.batch, nextval('feed_position'), t.changes,
      0, 'limit', sha256('limit'), 'device', t.device_id::text
    FROM taken t
    RETURNING 1
  ) SELECT count(*) INTO v_count FROM numbered;
  UPDATE feed_head SET seq = v_seq + v_count, chain = sha256(chain || 'limit') WHERE scope = p_scope;
  RETURN v_count;
END $$;
