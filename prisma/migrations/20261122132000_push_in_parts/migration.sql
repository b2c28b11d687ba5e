-- push_load and push_commit again, in parts: what a batch has nothing to do with is not even begun. Starting a look-up
-- costs more than finding nothing: a statement opens every table, partition and index it names, whether or not it comes
-- to them. That was a quarter of push_load for ten changes, and a third for one.

/*
 * What a batch rests on. A STABLE function's statements share the view of the database of the one that calls it, so
 * parts that are read one after the other are of one moment all the same.
 * p (payload.ts): device, incarnation (null for a person's write), op_ids[], scope, table, keys[{scope?, table?, id,
 *    base?}] (base: the version an edit was made on), bases[{scope?, table?, id, version}] (those the keys do
 *    not say), base_op_ids[], tables[], sagas[], since[{scope, table, id, version}], token[{scope, seq}]
 */
CREATE OR REPLACE FUNCTION push_load(p jsonb) RETURNS json LANGUAGE plpgsql STABLE
  -- Whatever the tables' sizes were when the plan was made, every look-up here is by key; and so it is made once.
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_device uuid := (p->>'device')::uuid;
  v_incarnation uuid := (p->>'incarnation')::uuid;
  v_op_ids uuid[];
  v_base_op_ids uuid[];
  -- Of every key that says no other.
  v_scope text := p->>'scope';
  v_table text := p->>'table';
  v_stream json;
  v_forgotten json;
  v_holes json;
  v_hole_sagas uuid[];
  v_seen json;
  v_records json;
  v_has_deleted boolean;
  v_behind jsonb;
  v_bases json;
  v_base_ops json;
  v_since json;
  v_conflicts json;
  v_policies json;
  v_saga_ids uuid[];
  v_sagas json;
  v_standing json;
  v_is_late boolean;
BEGIN
  IF v_incarnation IS NOT NULL THEN
    SELECT json_agg(json_build_object('last_seq', s.last_seq, 'revision', s.revision)) FILTER (WHERE s.incarnation = v_incarnation)->0,
      json_agg(json_build_object('incarnation', s.incarnation, 'seq', s.pruned_seq,
        'until_ms', floor(extract(epoch FROM s.pruned_until) * 1000), 'last_hlc', s.last_hlc)) FILTER (WHERE s.pruned_until IS NOT NULL)
      INTO v_stream, v_forgotten
      FROM device_stream s WHERE s.device_id = v_device;
    SELECT json_agg(json_build_object('seq', h.seq, 'op_id', h.op_id, 'scope', h.scope, 'table', h."table",
        'record_id', h.record_id, 'saga_id', h.saga_id, 'code', h.code, 'attempts', h.attempts)),
      array_agg(h.saga_id) FILTER (WHERE h.saga_id IS NOT NULL)
      INTO v_holes, v_hole_sagas
      FROM stream_hole h WHERE h.device_id = v_device AND h.incarnation = v_incarnation;
  END IF;

  v_op_ids := ARRAY(SELECT jsonb_array_elements_text(p->'op_ids'))::uuid[];
  SELECT json_agg(json_build_object('device_id', r.device_id, 'incarnation', r.incarnation, 'seq', r.seq,
      'op_id', r.op_id, 'hash', encode(r.payload_hash, 'hex'), 'kind', r.kind, 'answer', r.answer))
    INTO v_seen FROM op_result r WHERE r.op_id = ANY (v_op_ids);

  SELECT json_agg(json_build_object('scope', r.scope, 'table', r."table", 'id', r.id,
      'version', r.version, 'data', r.data, 'checksum', r.checksum, 'hlc', r.hlc, 'vector', r.vector,
      'device_id', r.last_device_id, 'deleted', r.deleted)), bool_or(r.deleted),
    jsonb_agg(jsonb_build_object('scope', r.scope, 'table', r."table", 'id', r.id, 'version', k.base))
      FILTER (WHERE k.base <> r.version)
    INTO v_records, v_has_deleted, v_behind
    FROM jsonb_to_recordset(p->'keys') k(scope text, "table" text, id uuid, base int)
    JOIN record r ON r.scope = coalesce(k.scope, v_scope) AND r."table" = coalesce(k."table", v_table) AND r.id = k.id;
  -- What the log tells of deleted records; few batches meet one.
  IF v_has_deleted THEN
    SELECT json_agg(json_build_object('scope', r.scope, 'table', r."table", 'id', r.id,
        'version', r.version, 'data', r.data, 'checksum', r.checksum, 'hlc', r.hlc, 'vector', r.vector,
        'device_id', r.last_device_id, 'deleted', r.deleted,
        'last_data', CASE WHEN r.deleted THEN (SELECT c.data FROM feed_change c WHERE c.record_id = r.id
          AND c."table" = r."table" AND c.scope = r.scope AND c.after_version = r.version - 1 AND c.effect = 'UPSERT' LIMIT 1) END,
        'moved_to', CASE WHEN r.deleted THEN (SELECT c.rule->>'moved_to' FROM feed_change c WHERE c.record_id = r.id
          AND c."table" = r."table" AND c.scope = r.scope AND c.after_version = r.version AND c.effect = 'LEAVE' LIMIT 1) END))
      INTO v_records
      FROM jsonb_to_recordset(p->'keys') k(scope text, "table" text, id uuid)
      JOIN record r ON r.scope = coalesce(k.scope, v_scope) AND r."table" = coalesce(k."table", v_table) AND r.id = k.id;
  END IF;

  -- Edits made on the version that still stands need no other.
  v_behind := coalesce(v_behind, '[]') || (p->'bases');
  IF jsonb_array_length(v_behind) > 0 THEN
    SELECT json_agg(json_build_object('scope', r.scope, 'table', r."table", 'id', b.id,
        'version', b.version, 'data', s.data, 'checksum', s.checksum))
      INTO v_bases
      FROM jsonb_to_recordset(v_behind) b(scope text, "table" text, id uuid, version int)
      JOIN record r ON r.scope = coalesce(b.scope, v_scope) AND r."table" = coalesce(b."table", v_table) AND r.id = b.id
        AND r.version <> b.version
      JOIN LATERAL (SELECT c.data, c.checksum FROM feed_change c WHERE c.record_id = b.id AND c."table" = r."table"
        AND c.scope = r.scope AND c.after_version = b.version AND c.effect IN ('UPSERT', 'DELETE') LIMIT 1) s ON true;
  END IF;

  IF jsonb_array_length(p->'base_op_ids') > 0 THEN
    v_base_op_ids := ARRAY(SELECT jsonb_array_elements_text(p->'base_op_ids'))::uuid[];
    SELECT json_agg(json_build_object('op_id', o.op_id, 'table', o."table", 'record_id', o.record_id, 'stands_on', o.stands_on,
        'pushed', CASE WHEN o.pushed IS NOT NULL THEN o.pushed->'data' ELSE s.data END,
        'known', o.pushed IS NOT NULL OR s.found IS NOT NULL, 'version', o.version, 'bridge', o.pushed->'bridge'))
      INTO v_base_ops
      -- OFFSET keeps the device out of the look-up: by its key, everything it ever sent would be read.
      FROM (SELECT * FROM op_result r WHERE r.op_id = ANY (v_base_op_ids) OFFSET 0) o
      LEFT JOIN LATERAL (SELECT c.data, true AS found FROM feed_change c WHERE c.record_id = o.record_id
        AND c."table" = o."table" AND c.scope = o.scope AND c.after_version = o.version
        AND c.effect IN ('UPSERT', 'DELETE') LIMIT 1) s ON o.pushed IS NULL
      WHERE o.device_id = v_device;
  END IF;

  -- What the versions since wrote beside their states: the edits of their texts, and when each field was written.
  IF jsonb_array_length(p->'since') > 0 THEN
    SELECT json_agg(json_build_object('scope', k.scope, 'table', k."table", 'id', k.id, 'versions', v.list))
      INTO v_since
      FROM jsonb_to_recordset(p->'since') k(scope text, "table" text, id uuid, version int)
      JOIN LATERAL (SELECT json_agg(json_build_object('version', c.after_version, 'hlc', c.hlc,
          'field_stamps', c.rule->'field_stamps', 'text_ops', c.rule->'text_ops') ORDER BY c.after_version) AS list
        FROM (SELECT * FROM feed_change f WHERE f.record_id = k.id AND f."table" = k."table" AND f.scope = k.scope
          AND f.after_version > k.version AND f.effect IN ('UPSERT', 'DELETE') ORDER BY f.after_version LIMIT 1000) c
      ) v ON v.list IS NOT NULL;
  END IF;

  -- Most devices have none: one look-up instead of one for each key.
  IF EXISTS (SELECT FROM conflict c WHERE c.device_id = v_device AND c.state = 'open') THEN
    SELECT json_agg(json_build_object('id', c.id, 'scope', c.scope, 'table', c."table",
        'record_id', c.record_id, 'version', c.version))
      INTO v_conflicts
      FROM jsonb_to_recordset(p->'keys') k(scope text, "table" text, id uuid)
      JOIN conflict c ON c.record_id = k.id AND c.state = 'open' AND c."table" = coalesce(k."table", v_table)
        AND c.scope = coalesce(k.scope, v_scope)
      WHERE c.device_id = v_device;
  END IF;

  SELECT json_agg(json_build_object('name', t.name, 'version', t.version)) INTO v_policies
    FROM table_policy t WHERE t.name = ANY (ARRAY(SELECT jsonb_array_elements_text(p->'tables')));

  -- Those that changes name, and those that open holes belong to: a device may report one of them as given up.
  IF jsonb_array_length(p->'sagas') > 0 OR v_hole_sagas IS NOT NULL THEN
    v_saga_ids := ARRAY(SELECT jsonb_array_elements_text(p->'sagas'))::uuid[] || v_hole_sagas;
    SELECT json_agg(json_build_object('id', g.id, 'device_id', g.device_id, 'state', g.state, 'steps', g.steps,
        'applied', g.applied, 'to_undo', g.to_undo, 'blocked', g.blocked, 'cause', g.cause,
        'failed_step', g.failed_step, 'failed_code', g.failed_code, 'revision', g.revision))
      INTO v_sagas FROM saga g WHERE g.id = ANY (v_saga_ids);
  END IF;

  -- At the head, the head knows its chain; the log is asked about a token behind it.
  IF jsonb_array_length(p->'token') > 0 THEN
    SELECT json_agg(json_build_object('scope', t.scope, 'seq', t.seq, 'head', coalesce(h.seq, 0),
        'min_seq', coalesce(h.min_seq, 0), 'chain', encode(h.chain, 'hex'))), bool_or(h.seq IS DISTINCT FROM t.seq)
      INTO v_standing, v_is_late
      FROM jsonb_to_recordset(p->'token') t(scope text, seq bigint) LEFT JOIN feed_head h ON h.scope = t.scope;
    IF v_is_late THEN
      SELECT json_agg(json_build_object('scope', t.scope, 'seq', t.seq, 'head', coalesce(h.seq, 0),
          'min_seq', coalesce(h.min_seq, 0), 'chain', (SELECT encode(c.chain, 'hex') FROM feed_commit c
            WHERE c.scope = t.scope AND c.seq = t.seq)))
        INTO v_standing
        FROM jsonb_to_recordset(p->'token') t(scope text, seq bigint) LEFT JOIN feed_head h ON h.scope = t.scope;
    END IF;
  END IF;

  RETURN json_build_object('stream', v_stream, 'forgotten', v_forgotten, 'holes', v_holes, 'seen', v_seen,
    'records', v_records, 'bases', v_bases, 'base_ops', v_base_ops, 'since', v_since, 'open_conflicts', v_conflicts,
    'policies', v_policies, 'sagas', v_sagas, 'standing', v_standing,
    'was_restored', EXISTS (SELECT FROM lost_history l WHERE l.noticed_at > now() - interval '90 days'),
    'now', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'));
END $$;

/*
 * Writes a decided batch in one transaction, or nothing.
 * Raises HF001 when something the decisions rest on moved (load and decide again), HF002 when the conflict or dead
 * letter that the batch closes was changed by someone else.
 * p: stream {device, incarnation, revision, last_seq, last_hlc} or null, holes {open[], close[]}, rests_on[{scope, table, id, version}],
 *    changes[], results[], conflicts[], dead_letters[], closed_dead_letters[], commits[{scope, changes, size_bytes, digest}], moves[],
 *    batch, actor_kind, actor_id, trace_id, resolve, reopen, replay, sagas[], saga_steps[], saga_undos[], saga_retry,
 *    audit[]
 */
CREATE OR REPLACE FUNCTION push_commit(p jsonb) RETURNS json LANGUAGE plpgsql
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_now timestamptz(3) := clock_timestamp();
  v_batch uuid := (p->>'batch')::uuid;
  v_device uuid := (p->'stream'->>'device')::uuid;
  v_incarnation uuid := (p->'stream'->>'incarnation')::uuid;
  v_trace text := p->>'trace_id';
  -- Of every key and change that says no other; and the device of every change, where it is the stream's.
  v_scope text := p->>'scope';
  v_table text := p->>'table';
  v_is_own boolean := (p->>'is_own')::boolean;
  v_revision int;
  v_count int;
  v_scopes text[];
  v_heads jsonb := '{}';
  v_position bigint;
  v_commit jsonb;
  v_digest bytea;
  v_seq bigint;
  v_chain bytea;
  v_write_ms float8;
BEGIN
  IF v_device IS NOT NULL THEN
    -- Locked, compared and moved on in one: whoever waited for another push of the stream finds its revision no more.
    v_revision := (p->'stream'->>'revision')::int;
    UPDATE device_stream SET last_seq = (p->'stream'->>'last_seq')::bigint, revision = revision + 1,
        last_hlc = greatest(last_hlc COLLATE "C", p->'stream'->>'last_hlc')
      WHERE device_id = v_device AND incarnation = v_incarnation AND revision = v_revision;
    IF NOT FOUND AND v_revision = 0 THEN
      INSERT INTO device_stream (device_id, incarnation, last_seq, revision, last_hlc)
        VALUES (v_device, v_incarnation, (p->'stream'->>'last_seq')::bigint, 1, coalesce(p->'stream'->>'last_hlc', ''))
        ON CONFLICT DO NOTHING;
    END IF;
    IF NOT FOUND THEN RAISE EXCEPTION 'the device stream moved' USING ERRCODE = 'HF001'; END IF;
  END IF;

  -- Lock what exists, all in key order, and see that it is as it was.
  IF jsonb_array_length(p->'rests_on') > 0 THEN
    SELECT count(*) INTO v_count FROM (
      SELECT 1
      FROM jsonb_to_recordset(p->'rests_on') k(scope text, "table" text, id uuid, version int)
      JOIN record r ON r.scope = coalesce(k.scope, v_scope) AND r."table" = coalesce(k."table", v_table) AND r.id = k.id
        AND r.version = k.version
      ORDER BY r.scope, r."table", r.id
      FOR UPDATE OF r
    ) locked;
    IF v_count <> jsonb_array_length(p->'rests_on') THEN
      RAISE EXCEPTION 'a record moved' USING ERRCODE = 'HF001';
    END IF;
  END IF;

  -- The changes are read once, for the records and for the log. What did not exist is claimed in key order: whoever is
  -- second finds the key taken.
  WITH change AS MATERIALIZED (
    SELECT c.final, coalesce(c.scope, v_scope) AS scope, c.ordinal, coalesce(c."table", v_table) AS "table", c.record_id,
      c.operation, c.effect, c.op_id, c.seq, c.outcome, c.before_version, c.after_version, c.data, c.checksum, c.hlc,
      c.vector, c.rule, c.lost, c.conflict_id, c.dead_letter_id, c.hash,
      CASE WHEN v_is_own THEN v_device ELSE c.device_id END AS device_id
    FROM jsonb_to_recordset(p->'changes') c(final text, scope text, ordinal int, "table" text, record_id uuid,
      operation text, effect text, op_id uuid, seq bigint, outcome text, before_version int, after_version int,
      data jsonb, checksum text, hlc text, vector jsonb, rule jsonb, lost jsonb, conflict_id uuid, dead_letter_id uuid,
      device_id uuid, hash text)
  ), created AS (
    INSERT INTO record (scope, "table", id, version, data, checksum, hlc, vector, last_op_id, last_device_id, deleted,
      created_at, updated_at)
    SELECT c.scope, c."table", c.record_id, c.after_version, c.data, c.checksum, c.hlc, c.vector, c.op_id, c.device_id,
      c.data IS NULL, v_now, v_now
    FROM change c WHERE c.final = 'insert'
    ORDER BY c.scope, c."table", c.record_id
    ON CONFLICT DO NOTHING
    RETURNING 1
  ), updated AS (
    UPDATE record r SET version = c.after_version, data = c.data, checksum = c.checksum, hlc = c.hlc,
      vector = c.vector, last_op_id = c.op_id, last_device_id = c.device_id, deleted = c.data IS NULL, updated_at = v_now
    FROM change c WHERE c.final = 'update' AND r.scope = c.scope AND r."table" = c."table" AND r.id = c.record_id
  ), logged AS (
    INSERT INTO feed_change (scope, batch, ordinal, committed_at, "table", record_id, operation, effect, op_id, seq,
      outcome, before_version, after_version, data, checksum, hlc, vector, rule, lost, conflict_id, dead_letter_id,
      device_id)
    SELECT c.scope, v_batch, c.ordinal, v_now, c."table", c.record_id, c.operation, c.effect, c.op_id, c.seq,
      c.outcome, c.before_version, c.after_version, c.data, c.checksum, c.hlc, c.vector, c.rule, c.lost, c.conflict_id,
      c.dead_letter_id, c.device_id
    FROM change c
  ), answered AS (
    -- What was applied just as it was sent: its answer is made here, to the letter as payload.ts compares it.
    INSERT INTO op_result (device_id, incarnation, seq, op_id, payload_hash, kind, answer, scope, "table", record_id,
      version, stands_on, created_at)
    SELECT v_device, v_incarnation, c.seq, c.op_id, decode(c.hash, 'hex'), 'accepted', '{"op_id":"' || c.op_id
      || '","record_id":"' || c.record_id || '","version":' || c.after_version
      || ',"outcome":"applied","data":null,"checksum":"' || c.checksum || '"}', c.scope, c."table", c.record_id,
      c.after_version, c.after_version, v_now
    FROM change c WHERE c.hash IS NOT NULL
  ) SELECT count(*) INTO v_count FROM created;
  IF v_count <> (p->>'inserts')::int THEN
    RAISE EXCEPTION 'a record appeared' USING ERRCODE = 'HF001';
  END IF;

  IF v_device IS NOT NULL THEN
    IF jsonb_array_length(p->'results') > 0 THEN
      INSERT INTO op_result (device_id, incarnation, seq, op_id, payload_hash, kind, answer, scope, "table", record_id,
        version, pushed, stands_on, created_at)
      SELECT v_device, v_incarnation, r.seq, r.op_id, decode(r.hash, 'hex'), r.kind, r.answer, r.scope, r."table",
        r.record_id, r.version, r.pushed, r.stands_on, v_now
      FROM jsonb_to_recordset(p->'results') r(seq bigint, op_id uuid, hash text, kind text, answer text, scope text,
        "table" text, record_id uuid, version int, pushed jsonb, stands_on int);
    END IF;
    IF jsonb_array_length(p->'holes'->'close') > 0 THEN
      DELETE FROM stream_hole WHERE device_id = v_device AND incarnation = v_incarnation
        AND seq = ANY (ARRAY(SELECT jsonb_array_elements_text(p->'holes'->'close'))::bigint[]);
    END IF;
    IF jsonb_array_length(p->'holes'->'open') > 0 THEN
      INSERT INTO stream_hole (device_id, incarnation, seq, op_id, "table", scope, record_id, saga_id, code, attempts, first_at)
      SELECT v_device, v_incarnation, h.seq, h.op_id, h."table", h.scope, h.record_id, h.saga_id, h.code, h.attempts, v_now
      FROM jsonb_to_recordset(p->'holes'->'open') h(seq bigint, op_id uuid, "table" text, scope text, record_id uuid,
        saga_id uuid, code text, attempts int)
      ON CONFLICT (device_id, incarnation, seq) DO UPDATE SET op_id = excluded.op_id, "table" = excluded."table",
        scope = excluded.scope, record_id = excluded.record_id, saga_id = excluded.saga_id, code = excluded.code,
        attempts = excluded.attempts;
    END IF;
  END IF;

  IF jsonb_array_length(p->'conflicts') > 0 THEN
    WITH written AS (
      INSERT INTO conflict AS k (id, code, scope, "table", record_id, device_id, op_id, later_op_ids, operation,
        to_scope, fields, base_version, base_data, client_data, client_hlc, client_vector, server_version, server_data, server_hlc,
        server_vector, server_device_id, strategy, trace_id, created_at)
      SELECT c.id, c.code, c.scope, c."table", c.record_id, c.device_id, c.op_id, c.later_op_ids, c.operation,
        c.to_scope, c.fields, c.base_version, c.base_data, c.client_data, c.client_hlc, c.client_vector, c.server_version, c.server_data,
        c.server_hlc, c.server_vector, c.server_device_id, c.strategy, v_trace, v_now
      FROM jsonb_to_recordset(p->'conflicts') c(id uuid, code text, scope text, "table" text, record_id uuid,
        device_id uuid, op_id uuid, later_op_ids uuid[], operation text, to_scope text, fields text[],
        base_version int, base_data jsonb, client_data jsonb, client_hlc text, client_vector jsonb, server_version int,
        server_data jsonb, server_hlc text, server_vector jsonb, server_device_id uuid, strategy text)
      -- A later operation of the same device on a record that already waits for a person: the same conflict goes on.
      ON CONFLICT (id) DO UPDATE SET later_op_ids = k.later_op_ids || excluded.op_id || excluded.later_op_ids,
        operation = excluded.operation, to_scope = coalesce(excluded.to_scope, k.to_scope),
        fields = ARRAY(SELECT DISTINCT unnest(k.fields || excluded.fields) ORDER BY 1), client_data = excluded.client_data,
        client_hlc = excluded.client_hlc, client_vector = excluded.client_vector, server_version = excluded.server_version,
        server_data = excluded.server_data, server_hlc = excluded.server_hlc, server_vector = excluded.server_vector,
        server_device_id = excluded.server_device_id, version = k.version + 1
        WHERE k.state = 'open'
      RETURNING 1
    ) SELECT count(*) INTO v_count FROM written;
    IF v_count <> jsonb_array_length(p->'conflicts') THEN
      RAISE EXCEPTION 'a conflict was resolved meanwhile' USING ERRCODE = 'HF001';
    END IF;
  END IF;

  IF jsonb_array_length(p->'moves') > 0 THEN
    UPDATE conflict k SET scope = m."to", version = k.version + 1
    FROM jsonb_to_recordset(p->'moves') m("table" text, id uuid, "from" text, "to" text)
    WHERE k.record_id = m.id AND k.state = 'open' AND k."table" = m."table" AND k.scope = m."from"
      -- The one that the move resolves is told of it below.
      AND k.id IS DISTINCT FROM (p->'resolve'->>'id')::uuid;
  END IF;

  IF jsonb_array_length(p->'dead_letters') > 0 THEN
    WITH written AS (
      INSERT INTO dead_letter AS k (id, source, device_id, incarnation, seq, op_id, code, detail, pointers, scope,
        "table", record_id, fingerprint, schema_version, change, change_hash, attempts, trace_id, created_at, updated_at)
      SELECT d.id, d.source, d.device_id, d.incarnation, d.seq, d.op_id, d.code, d.detail, d.pointers, d.scope,
        d."table", d.record_id, d.fingerprint, d.schema_version, d.change, decode(d.change_hash, 'hex'), d.attempts,
        v_trace, v_now, v_now
      FROM jsonb_to_recordset(p->'dead_letters') d(id uuid, source text, device_id uuid, incarnation uuid, seq bigint,
        op_id uuid, code text, detail text, pointers text[], scope text, "table" text, record_id uuid,
        fingerprint text, schema_version int, change text, change_hash text, attempts int)
      ON CONFLICT (change_hash) DO UPDATE SET attempts = k.attempts + 1, updated_at = v_now
      RETURNING id, code, detail, op_id
    )
    INSERT INTO dead_letter_attempt (dead_letter_id, at, actor, op_id, outcome, code, detail, trace_id)
    SELECT id, v_now, coalesce(v_device::text, p->>'actor_id'), op_id, 'received', code, detail, v_trace FROM written;
  END IF;

  IF p->'resolve' <> 'null' THEN
    UPDATE conflict SET state = 'resolved', choice = p->'resolve'->>'choice', reason = p->'resolve'->>'reason',
      resolved_by = p->'resolve'->>'resolved_by', resolved_at = v_now,
      resolution = NULLIF(p->'resolve'->'resolution', 'null'), resolved_version = (p->'resolve'->>'resolved_version')::int,
      scope = coalesce(p->'resolve'->>'moved_to', scope),
      moved_from = CASE WHEN p->'resolve'->>'moved_to' IS NOT NULL THEN scope END,
      version = version + 1
    WHERE id = (p->'resolve'->>'id')::uuid AND state = 'open' AND version = (p->'resolve'->>'version')::int;
    IF NOT FOUND THEN RAISE EXCEPTION 'the conflict moved' USING ERRCODE = 'HF002'; END IF;
  END IF;

  IF p->'reopen' <> 'null' THEN
    UPDATE conflict SET state = 'open', choice = NULL, reason = NULL, resolved_by = NULL, resolved_at = NULL,
      resolution = NULL, resolved_version = NULL, scope = coalesce(moved_from, scope), moved_from = NULL,
      version = version + 1
    WHERE id = (p->'reopen'->>'id')::uuid AND state = 'resolved' AND version = (p->'reopen'->>'version')::int;
    IF NOT FOUND THEN RAISE EXCEPTION 'the conflict moved' USING ERRCODE = 'HF002'; END IF;
  END IF;

  IF p->'replay' <> 'null' THEN
    UPDATE dead_letter SET state = p->'replay'->>'state', updated_at = v_now, version = version + 1,
      replay_op_id = CASE WHEN p->'replay'->>'state' = 'replayed' THEN (p->'replay'->>'op_id')::uuid END,
      closed_by = CASE WHEN p->'replay'->>'state' = 'replayed' THEN p->'replay'->>'actor' END,
      closed_at = CASE WHEN p->'replay'->>'state' = 'replayed' THEN v_now END,
      code = coalesce(p->'replay'->>'code', code), detail = coalesce(p->'replay'->>'detail', detail),
      fingerprint = coalesce(p->'replay'->>'fingerprint', fingerprint),
      -- NULLIF stands inside: an update that waited for another evaluates the sub-select whatever CASE says.
      pointers = CASE WHEN p->'replay'->'pointers' <> 'null'
        THEN ARRAY(SELECT jsonb_array_elements_text(NULLIF(p->'replay'->'pointers', 'null'))) ELSE pointers END,
      attempts = attempts + 1
    WHERE id = (p->'replay'->>'id')::uuid AND state IN ('open', 'replaying') AND version = (p->'replay'->>'version')::int;
    IF NOT FOUND THEN RAISE EXCEPTION 'the dead letter moved' USING ERRCODE = 'HF002'; END IF;
    INSERT INTO dead_letter_attempt (dead_letter_id, at, actor, op_id, outcome, code, detail, change, trace_id)
    VALUES ((p->'replay'->>'id')::uuid, v_now, p->'replay'->>'actor', (p->'replay'->>'op_id')::uuid,
      p->'replay'->>'outcome', p->'replay'->>'code', coalesce(p->'replay'->>'detail', ''), p->'replay'->>'edited', v_trace);
  END IF;

  IF jsonb_array_length(p->'sagas') > 0 THEN
    WITH given AS MATERIALIZED (
      SELECT * FROM jsonb_to_recordset(p->'sagas') g(id uuid, device_id uuid, state text, steps int, applied int,
        to_undo int, blocked int, cause text, failed_step int, failed_code text, reason text, tables text[],
        scopes text[], retry_of uuid, progressed boolean, revision int)
    ), begun AS (
      INSERT INTO saga (id, device_id, state, steps, applied, to_undo, blocked, cause, failed_step, failed_code, reason,
        tables, scopes, retry_of, trace_id, started_at, progressed_at, ended_at)
      SELECT g.id, g.device_id, g.state, g.steps, g.applied, g.to_undo, g.blocked, g.cause, g.failed_step,
        g.failed_code, g.reason, g.tables, g.scopes, g.retry_of, v_trace, v_now, v_now,
        CASE WHEN g.state IN ('completed', 'compensated') THEN v_now END
      FROM given g WHERE g.revision = 0 ORDER BY g.id
      ON CONFLICT DO NOTHING
      RETURNING 1
    ), moved AS (
      UPDATE saga s SET state = g.state, applied = g.applied, to_undo = g.to_undo, blocked = g.blocked,
        cause = g.cause, failed_step = g.failed_step, failed_code = g.failed_code,
        reason = coalesce(g.reason, s.reason),
        tables = ARRAY(SELECT DISTINCT unnest(s.tables || g.tables) ORDER BY 1),
        scopes = ARRAY(SELECT DISTINCT unnest(s.scopes || g.scopes) ORDER BY 1),
        progressed_at = CASE WHEN g.progressed THEN v_now ELSE s.progressed_at END,
        ended_at = CASE WHEN g.state IN ('completed', 'compensated') THEN v_now END, revision = s.revision + 1
      FROM given g WHERE s.id = g.id AND g.revision > 0 AND s.revision = g.revision
      RETURNING 1
    ) SELECT (SELECT count(*) FROM begun) + (SELECT count(*) FROM moved) INTO v_count;
    IF v_count <> jsonb_array_length(p->'sagas') THEN
      RAISE EXCEPTION 'a saga moved' USING ERRCODE = 'HF001';
    END IF;
  END IF;

  IF jsonb_array_length(p->'saga_steps') > 0 THEN
    INSERT INTO saga_step (saga_id, step, state, outcome, op_id, seq, scope, from_scope, "table", record_id, operation,
      before_version, after_version, change, schema_version, conflict_id, dead_letter_id, trace_id, at)
    SELECT t.saga_id, t.step, t.state, t.outcome, t.op_id, t.seq, t.scope, t.from_scope, t."table", t.record_id,
      t.operation, t.before_version, t.after_version, t.change, t.schema_version, t.conflict_id, t.dead_letter_id,
      v_trace, v_now
    FROM jsonb_to_recordset(p->'saga_steps') t(saga_id uuid, step int, state text, outcome text, op_id uuid, seq bigint,
      scope text, from_scope text, "table" text, record_id uuid, operation text, before_version int,
      after_version int, change text, schema_version int, conflict_id uuid, dead_letter_id uuid)
    -- A step that was aborted or failed may be tried again under another op_id; its first attempt is what is told.
    ON CONFLICT DO NOTHING;
  END IF;

  IF jsonb_array_length(p->'saga_undos') > 0 THEN
    WITH undone AS (
      UPDATE saga_step t SET undo = u.undo, undo_op_id = u.op_id, undo_version = u.version,
        undo_conflict_id = u.conflict_id, undo_detail = u.detail, undone_at = CASE WHEN u.undo IS NOT NULL THEN v_now END
      FROM jsonb_to_recordset(p->'saga_undos') u(saga_id uuid, step int, was text, undo text, op_id uuid, version int,
        conflict_id uuid, detail text)
      WHERE t.saga_id = u.saga_id AND t.step = u.step AND t.undo IS NOT DISTINCT FROM u.was
      RETURNING 1
    ) SELECT count(*) INTO v_count FROM undone;
    IF v_count <> jsonb_array_length(p->'saga_undos') THEN
      RAISE EXCEPTION 'a step was undone meanwhile' USING ERRCODE = 'HF002';
    END IF;
  END IF;

  IF p->'saga_retry' <> 'null' THEN
    UPDATE saga SET retried_as = (p->'saga_retry'->>'retried_as')::uuid, revision = revision + 1
    WHERE id = (p->'saga_retry'->>'id')::uuid AND revision = (p->'saga_retry'->>'revision')::int
      AND state = 'compensated' AND retried_as IS NULL;
    IF NOT FOUND THEN RAISE EXCEPTION 'the saga moved' USING ERRCODE = 'HF002'; END IF;
    -- The dead letters of its steps go on in the new saga, those that were discarded, too: the whole is sent again.
    WITH letter AS (
      SELECT d.id, new.op_id FROM saga_step old
      JOIN saga_step new ON new.saga_id = (p->'saga_retry'->>'retried_as')::uuid AND new.step = old.step
      JOIN dead_letter d ON d.id = old.dead_letter_id
      WHERE old.saga_id = (p->'saga_retry'->>'id')::uuid
    ), closed AS (
      UPDATE dead_letter d SET state = 'replayed', replay_op_id = l.op_id, closed_by = p->'saga_retry'->>'actor',
        closed_at = v_now, updated_at = v_now, version = version + 1, attempts = attempts + 1
      FROM letter l WHERE d.id = l.id AND d.state IN ('open', 'discarded')
      RETURNING d.id, l.op_id
    ), noted AS (
      INSERT INTO dead_letter_attempt (dead_letter_id, at, actor, op_id, outcome, detail, trace_id)
      SELECT c.id, v_now, p->'saga_retry'->>'actor', c.op_id, 'replayed', 'with its whole saga', v_trace FROM closed c
    ) SELECT (SELECT count(*) FROM letter) - (SELECT count(*) FROM closed) INTO v_count;
    IF v_count <> 0 THEN RAISE EXCEPTION 'a step was replayed alone' USING ERRCODE = 'HF002'; END IF;
  END IF;

  IF jsonb_array_length(p->'audit') > 0 THEN PERFORM audit_append(p->'audit'); END IF;

  v_write_ms := extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000;
  -- Publish last: the heads serialise each scope's commits, so they are held for as short as can be. The position is
  -- taken while all of them are held.
  IF jsonb_array_length(p->'commits') > 0 THEN
    v_scopes := ARRAY(SELECT k.scope FROM jsonb_to_recordset(p->'commits') k(scope text) ORDER BY 1);
    PERFORM FROM feed_head WHERE scope = ANY (v_scopes) ORDER BY scope FOR UPDATE;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    IF v_count < cardinality(v_scopes) THEN
      INSERT INTO feed_head (scope, chain)
        SELECT s, sha256(convert_to('holdfast feed ' || s, 'UTF8')) FROM unnest(v_scopes) s ORDER BY s
        ON CONFLICT DO NOTHING;
      PERFORM FROM feed_head WHERE scope = ANY (v_scopes) ORDER BY scope FOR UPDATE;
    END IF;
    v_position := nextval('feed_position');
    -- One scope after the other: nearly every batch has one, and what would write many at once begins dearer.
    FOR v_commit IN SELECT * FROM jsonb_array_elements(p->'commits') LOOP
      v_digest := decode(v_commit->>'digest', 'hex');
      UPDATE feed_head h SET seq = h.seq + 1, chain = feed_link(h.chain, v_digest, v_position, v_now)
        WHERE h.scope = v_commit->>'scope'
        RETURNING h.seq, h.chain INTO v_seq, v_chain;
      INSERT INTO feed_commit (scope, seq, committed_at, batch, position, changes, size_bytes, digest, chain, actor_kind, actor_id, trace_id)
        VALUES (v_commit->>'scope', v_seq, v_now, v_batch, v_position, (v_commit->>'changes')::int,
          (v_commit->>'size_bytes')::int, v_digest, v_chain, p->>'actor_kind', p->>'actor_id', v_trace);
      v_heads := v_heads || jsonb_build_object(v_commit->>'scope',
        jsonb_build_object('seq', v_seq, 'chain', encode(v_chain, 'hex')));
    END LOOP;
  END IF;
  -- How long it took until publishing began tells the trace where writing ended and committing began.
  RETURN json_build_object('heads', v_heads, 'committed_at', v_now, 'write_ms', v_write_ms);
END $$;
