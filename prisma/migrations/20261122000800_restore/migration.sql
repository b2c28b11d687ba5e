-- What tells whether two sides have the same, and that this server was restored from a backup.

-- CreateTable
CREATE TABLE "lost_history" (
    "id" BIGSERIAL NOT NULL,
    "noticed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_issued_at" TIMESTAMPTZ(3),

    CONSTRAINT "lost_history_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "lost_history_device" (
    "lost_history_id" BIGINT NOT NULL,
    "device_id" UUID NOT NULL,
    "reason" TEXT NOT NULL,
    "scope" TEXT NOT NULL,
    "seq" BIGINT NOT NULL,
    "head" BIGINT NOT NULL,
    "issued_at" TIMESTAMPTZ(3),
    "noticed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "lost_history_device_pkey" PRIMARY KEY ("lost_history_id","device_id")
);

/*
 * A device holds a token that this server signed and that says more than it has: it was restored from a backup. Told in
 * the audit once per restore: a token made after the last restore was noticed is of another one.
 * p: device_id, reason, scope, seq, head, issued_at, trace_id. Returns whether that was news.
 */
CREATE FUNCTION note_lost_history(p jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  v_issued timestamptz := (p->>'issued_at')::timestamptz;
  v_loss lost_history;
  v_is_new boolean := false;
BEGIN
  SELECT * INTO v_loss FROM lost_history ORDER BY id DESC LIMIT 1;
  IF FOUND AND coalesce(v_issued <= v_loss.noticed_at, true) AND EXISTS (SELECT FROM lost_history_device d
    WHERE d.lost_history_id = v_loss.id AND d.device_id = (p->>'device_id')::uuid) THEN
    RETURN false;
  END IF;
  -- Thousands may come back at once: the first one tells.
  PERFORM pg_advisory_xact_lock(hashtext('lost_history'));
  SELECT * INTO v_loss FROM lost_history ORDER BY id DESC LIMIT 1;
  IF NOT FOUND OR v_issued > v_loss.noticed_at THEN
    INSERT INTO lost_history (noticed_at, last_issued_at) VALUES (clock_timestamp(), v_issued) RETURNING * INTO v_loss;
    v_is_new := true;
    PERFORM audit_append(jsonb_build_array(jsonb_build_object('actor_kind', 'system', 'actor_id', 'sync',
      'actor_name', 'sync', 'action', 'server.restored', 'target', 'server', 'target_id', v_loss.id::text,
      'reason', 'A device holds a token that this server signed and that says more than the server has: it was restored from a backup.',
      'after', p - 'trace_id', 'trace_id', p->>'trace_id')));
  END IF;
  UPDATE lost_history SET last_issued_at = greatest(last_issued_at, v_issued) WHERE id = v_loss.id;
  INSERT INTO lost_history_device (lost_history_id, device_id, reason, scope, seq, head, issued_at)
  VALUES (v_loss.id, (p->>'device_id')::uuid, p->>'reason', p->>'scope', (p->>'seq')::bigint, (p->>'head')::bigint, v_issued)
  ON CONFLICT DO NOTHING;
  RETURN v_is_new;
END $$;

/*
 * The buckets of a scope in which a device's records are not the server's. One statement, so one view of the database.
 * pin: the feed position to compare at, null for the newest: a record that changed since is taken as it was then.
 * wanted: the tables to compare, null for all. theirs: {table: {bucket: hash}}.
 */
CREATE FUNCTION compare_buckets(of_scope text, pin bigint, wanted text[], theirs jsonb, max_records int)
RETURNS TABLE (head bigint, min_seq bigint, chain text, buckets text, has_more boolean) LANGUAGE plpgsql STABLE
  SET enable_seqscan = off
AS $$
BEGIN
  RETURN QUERY
  WITH changed AS MATERIALIZED (
    SELECT DISTINCT ON (ch."table", ch.record_id) ch."table", ch.record_id, ch.before_version
    FROM feed_commit c
    JOIN feed_change ch ON ch.scope = c.scope AND ch.batch = c.batch AND ch.committed_at = c.committed_at
    WHERE c.scope = of_scope AND c.seq > pin AND ch.effect <> 'NONE'
    ORDER BY ch."table", ch.record_id, ch.after_version
  ), live AS (
    SELECT r."table", r.id, r.version, r.checksum
    FROM record r
    WHERE r.scope = of_scope AND NOT r.deleted AND (wanted IS NULL OR r."table" = ANY (wanted))
      AND NOT EXISTS (SELECT FROM changed k WHERE k."table" = r."table" AND k.record_id = r.id)
    UNION ALL
    SELECT k."table", k.record_id, s.after_version, s.checksum
    FROM changed k
    JOIN LATERAL (SELECT * FROM feed_change ch WHERE ch.record_id = k.record_id AND ch."table" = k."table"
      AND ch.scope = of_scope AND ch.after_version = k.before_version AND ch.effect = 'UPSERT' LIMIT 1) s ON true
    WHERE k.before_version > 0 AND (wanted IS NULL OR k."table" = ANY (wanted))
  ), placed AS MATERIALIZED (
    SELECT l."table", encode(substring(sha256(convert_to(l.id::text, 'UTF8')) FOR 1), 'hex') AS bucket,
      l.id, l.version, l.checksum
    FROM live l
  ), ours AS (
    SELECT p."table", p.bucket, count(*) AS records,
      encode(sha256(convert_to(string_agg(p.id || ':' || p.version || ':' || p.checksum, E'\n' ORDER BY p.id), 'UTF8')), 'hex') AS hash
    FROM placed p GROUP BY 1, 2
  ), given AS (
    SELECT t.key AS "table", b.key AS bucket, b.value AS hash
    FROM jsonb_each(theirs) t CROSS JOIN LATERAL jsonb_each_text(t.value) b
    WHERE wanted IS NULL OR t.key = ANY (wanted)
  ), differing AS (
    SELECT "table", bucket, coalesce(o.records, 0) AS records,
      sum(coalesce(o.records, 0)) OVER w AS so_far, row_number() OVER w AS place
    FROM ours o FULL JOIN given g USING ("table", bucket)
    WHERE o.hash IS DISTINCT FROM g.hash
    WINDOW w AS (ORDER BY "table", bucket ROWS UNBOUNDED PRECEDING)
  ), page AS MATERIALIZED (
    SELECT d."table", d.bucket FROM differing d WHERE d.so_far <= max_records OR d.place = 1
  ), told AS (
    SELECT g."table", g.bucket, coalesce(
        (SELECT json_object_agg(p.id, p.version ORDER BY p.id) FROM placed p
          WHERE p."table" = g."table" AND p.bucket = g.bucket), '{}') AS records
    FROM page g
  ), by_table AS (
    SELECT t."table", json_object_agg(t.bucket, t.records ORDER BY t.bucket) AS buckets FROM told t GROUP BY 1
  )
  SELECT coalesce(h.seq, 0), coalesce(h.min_seq, 0),
    (SELECT encode(c.chain, 'hex') FROM feed_commit c WHERE c.scope = of_scope AND c.seq = pin),
    coalesce((SELECT json_object_agg(b."table", b.buckets ORDER BY b."table")::text FROM by_table b), '{}'),
    (SELECT count(*) FROM differing) > (SELECT count(*) FROM page)
  FROM (SELECT of_scope AS scope) s LEFT JOIN feed_head h ON h.scope = s.scope;
END $$;

-- CreateTable
CREATE TABLE "record_replaced" (
    "id" BIGSERIAL NOT NULL,
    "run" UUID NOT NULL,
    "scope" TEXT NOT NULL,
    "table" TEXT NOT NULL,
    "record_id" UUID NOT NULL,
    "fields" TEXT[],
    "was" JSONB,
    "became" JSONB,
    "replaced_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "record_replaced_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "record_replaced_run_idx" ON "record_replaced"("run");

/* The row of `record` that a folded change stands for. Of a record whose first version was compacted away the log knows
 * no longer when it was made: then it is as old as the log. */
CREATE FUNCTION folded_record(f feed_change) RETURNS public.record LANGUAGE sql STABLE AS $$
  SELECT ROW(f.scope, f."table", f.record_id, f.after_version, f.data, f.checksum, f.hlc, f.vector, f.op_id, f.device_id,
    f.data IS NULL,
    (SELECT min(c.committed_at) FROM feed_change c WHERE c.record_id = f.record_id AND c."table" = f."table"
      AND c.scope = f.scope AND c.effect <> 'NONE'),
    f.committed_at)::public.record
$$;

/* The columns in which a row is not what the log says. What may have been thinned or compacted away counts for nothing. */
CREATE FUNCTION record_faults(r public.record, f public.record, is_compacted boolean) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN r.id IS NULL THEN ARRAY['missing'] WHEN f.id IS NULL THEN ARRAY['extra'] ELSE array_remove(ARRAY[
    CASE WHEN r.version <> f.version THEN 'version' END,
    CASE WHEN r.data::text IS DISTINCT FROM f.data::text THEN 'data' END,
    CASE WHEN r.checksum <> f.checksum THEN 'checksum' END,
    CASE WHEN r.hlc <> f.hlc THEN 'hlc' END,
    CASE WHEN r.vector::text <> f.vector::text AND NOT (is_compacted AND f.deleted AND r.vector = '{}') THEN 'vector' END,
    CASE WHEN r.last_op_id IS DISTINCT FROM f.last_op_id AND NOT (is_compacted AND f.deleted AND r.last_op_id IS NULL) THEN 'last_op_id' END,
    CASE WHEN r.last_device_id IS DISTINCT FROM f.last_device_id AND NOT (is_compacted AND f.deleted AND r.last_device_id IS NULL) THEN 'last_device_id' END,
    CASE WHEN r.deleted <> f.deleted THEN 'deleted' END,
    CASE WHEN r.created_at <> f.created_at AND NOT (is_compacted AND r.created_at < f.created_at) THEN 'created_at' END,
    CASE WHEN r.updated_at <> f.updated_at THEN 'updated_at' END
  ], NULL) END
$$;

/* Where a scope's part of `record` is not the fold of its log; `seq` is the commit that says so. */
CREATE FUNCTION record_differences(of_scope text) RETURNS TABLE (
  "table" text, record_id uuid, fields text[], seq bigint, ordinal int, was jsonb, becomes jsonb
) LANGUAGE sql STABLE AS $$
  WITH made AS (
    SELECT c."table", c.record_id, min(c.committed_at) AS at FROM feed_change c
    WHERE c.scope = of_scope AND c.effect <> 'NONE' GROUP BY 1, 2
  ), folded AS (
    SELECT f AS change, m.at AS made_at FROM feed_fold(of_scope, 9223372036854775807) f
    JOIN made m ON m."table" = f."table" AND m.record_id = f.record_id
  ), suspect AS MATERIALIZED (
    -- What is the same is most of it, and passes here without being looked at column by column.
    SELECT f.change, h.whole AS r
    FROM folded f
    FULL JOIN (SELECT r.*, r AS whole FROM public.record r WHERE r.scope = of_scope) h
      ON h."table" = (f.change)."table" AND h.id = (f.change).record_id
    WHERE h.id IS NULL OR f.made_at IS NULL OR h.created_at <> f.made_at
      OR (h.version, h.data::text, h.checksum, h.hlc, h.vector::text, h.last_op_id, h.last_device_id, h.deleted, h.updated_at)
        IS DISTINCT FROM ((f.change).after_version, (f.change).data::text, (f.change).checksum, (f.change).hlc,
          (f.change).vector::text, (f.change).op_id, (f.change).device_id, (f.change).data IS NULL, (f.change).committed_at)
  ), looked_at AS (
    SELECT s.change, s.r, CASE WHEN (s.change).record_id IS NOT NULL THEN folded_record(s.change) END AS row FROM suspect s
  ), compared AS (
    SELECT l.*, record_faults(l.r, l.row, EXISTS (SELECT FROM feed_checkpoint k WHERE k.scope = of_scope)) AS fields
    FROM looked_at l
  )
  SELECT coalesce((d.change)."table", (d.r)."table"), coalesce((d.change).record_id, (d.r).id), d.fields,
    (SELECT c.seq FROM feed_commit c WHERE c.batch = (d.change).batch AND c.scope = of_scope AND c.committed_at = (d.change).committed_at),
    (d.change).ordinal, CASE WHEN (d.r).id IS NOT NULL THEN to_jsonb(d.r) END,
    CASE WHEN (d.change).record_id IS NOT NULL THEN to_jsonb(d.row) END
  FROM compared d WHERE cardinality(d.fields) > 0
  ORDER BY 1, 2
$$;

/*
 * Makes these records what the log says and keeps what was there. Locks them as a push does, so that pushes go on and see
 * one or the other; looks again under the lock, so that it may be run twice, or ended anywhere.
 * keys: [{table, id}]. Returns how many rows it replaced.
 */
CREATE FUNCTION rebuild_records(of_scope text, keys jsonb, of_run uuid) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  v_is_compacted boolean := EXISTS (SELECT FROM feed_checkpoint k WHERE k.scope = of_scope);
  v_count int;
BEGIN
  PERFORM FROM public.record r JOIN jsonb_to_recordset(keys) k("table" text, id uuid)
    ON r.scope = of_scope AND r."table" = k."table" AND r.id = k.id
    ORDER BY r.scope, r."table", r.id FOR UPDATE OF r;
  WITH wrong AS MATERIALIZED (
    SELECT k."table", k.id, r, f.row, record_faults(r, f.row, v_is_compacted) AS fields
    FROM jsonb_to_recordset(keys) k("table" text, id uuid)
    LEFT JOIN public.record r ON r.scope = of_scope AND r."table" = k."table" AND r.id = k.id
    LEFT JOIN LATERAL (SELECT folded_record(c) AS row FROM feed_change c WHERE c.record_id = k.id AND c."table" = k."table"
      AND c.scope = of_scope AND c.effect <> 'NONE' ORDER BY c.after_version DESC LIMIT 1) f ON true
  ), kept AS (
    INSERT INTO record_replaced (run, scope, "table", record_id, fields, was, became)
    SELECT of_run, of_scope, w."table", w.id, w.fields, CASE WHEN (w.r).id IS NOT NULL THEN to_jsonb(w.r) END,
      CASE WHEN (w.row).id IS NOT NULL THEN to_jsonb(w.row) END
    FROM wrong w WHERE cardinality(w.fields) > 0
    RETURNING 1
  ), gone AS (
    DELETE FROM public.record r USING wrong w
    WHERE (w.row).id IS NULL AND r.scope = of_scope AND r."table" = w."table" AND r.id = w.id
  ), written AS (
    INSERT INTO public.record
    SELECT (w.row).* FROM wrong w WHERE (w.row).id IS NOT NULL AND cardinality(w.fields) > 0
    ON CONFLICT (scope, "table", id) DO UPDATE SET version = excluded.version, data = excluded.data,
      checksum = excluded.checksum, hlc = excluded.hlc, vector = excluded.vector, last_op_id = excluded.last_op_id,
      last_device_id = excluded.last_device_id, deleted = excluded.deleted, updated_at = excluded.updated_at,
      -- An older time is right where the log no longer goes back to it.
      created_at = CASE WHEN v_is_compacted THEN least(record.created_at, excluded.created_at) ELSE excluded.created_at END
  ) SELECT count(*) INTO v_count FROM kept;
  IF v_count > 0 THEN
    PERFORM audit_append(jsonb_build_array(jsonb_build_object('actor_kind', 'system', 'actor_id', 'rebuild',
      'actor_name', 'rebuild', 'action', 'record.rebuild', 'target', 'scope', 'target_id', of_scope,
      'after', jsonb_build_object('run', of_run, 'replaced', v_count))));
  END IF;
  RETURN v_count;
END $$;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'holdfast_app') THEN
    GRANT SELECT, INSERT, UPDATE ON "lost_history", "lost_history_device" TO "holdfast_app";
    GRANT USAGE, SELECT ON SEQUENCE "lost_history_id_seq" TO "holdfast_app";
  END IF;
END $$;
