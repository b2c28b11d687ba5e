-- What a request to /sync leaves behind: its session, the health of its device, what the device reported.

-- A device whose answer was lost reports the same events again; they are kept once.
CREATE UNIQUE INDEX IF NOT EXISTS "device_event_device_id_at_kind_code_key" ON "device_event"("device_id", "at", "kind", "code");

-- Room in every page, so that the update at each sync stays in place.
ALTER TABLE "device_health" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

/* One request to /sync, as lib/server/syncs/session-row.ts writes it. */
CREATE TYPE sync_record AS (
  id uuid, started_at timestamptz, finished_at timestamptz, sync_id uuid, device_id uuid, incarnation uuid,
  duration_ms double precision, status int, outcome text, error_code text,
  pushed int, applied int, merged int, superseded int, no_change int, conflicts int, rejected int, replayed int,
  pulled int, resync text, request_bytes int, response_bytes int, tables jsonb, scopes text[], app_version text,
  trace_id text,
  -- null where the request said nothing about it
  clock_skew_ms bigint, acknowledged jsonb, schema_version int, schema_versions jsonb, state text, pending int, pending_critical int, pending_bulk int,
  oldest_pending_at timestamptz, retries int, breaker text, storage_bytes bigint,
  in_progress boolean, events jsonb
);

/*
 * Records a batch of requests to /sync: one session each, device health, device events. Whatever the order in which
 * batches arrive, health never goes backwards: each column comes from the newest request that says something about
 * it, and changes only if no newer request was seen before.
 */
CREATE FUNCTION record_syncs(batch jsonb) RETURNS void LANGUAGE plpgsql
  -- Making the plans anew costs more than running them.
  SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  records sync_record[] := ARRAY(SELECT r FROM jsonb_populate_recordset(NULL::sync_record, batch) r);
  devices uuid[] := ARRAY(SELECT DISTINCT r.device_id FROM unnest(records) r ORDER BY 1);
BEGIN
  -- Statistics may be lost with the machine; no device waits for the disk on their account.
  PERFORM set_config('synchronous_commit', 'off', true);

  -- Locked in key order: batches of several processes share devices.
  INSERT INTO device_health (device_id) SELECT unnest(devices) ON CONFLICT DO NOTHING;
  PERFORM FROM device_health WHERE device_id = ANY(devices) ORDER BY device_id FOR UPDATE;

  INSERT INTO sync_session (id, started_at, sync_id, device_id, incarnation, duration_ms, status, outcome, error_code,
    pushed, applied, merged, superseded, no_change, conflicts, rejected, replayed, pulled, resync,
    request_bytes, response_bytes, tables, scopes, app_version, trace_id, lag_seconds)
  SELECT r.id, r.started_at, r.sync_id, r.device_id, r.incarnation, r.duration_ms, r.status, r.outcome, r.error_code,
    r.pushed, r.applied, r.merged, r.superseded, r.no_change, r.conflicts, r.rejected, r.replayed, r.pulled, r.resync,
    r.request_bytes, r.response_bytes, r.tables, r.scopes, r.app_version, r.trace_id,
    CASE WHEN r.synced_before IS NOT NULL
      THEN greatest(0, extract(epoch FROM r.started_at - r.synced_before)) END
  FROM (
    SELECT b.*, greatest(h.last_sync_at, max(b.finished_at) FILTER (WHERE b.status = 200) OVER (
      PARTITION BY b.device_id ORDER BY b.started_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS synced_before
    FROM unnest(records) b JOIN device_health h ON h.device_id = b.device_id
  ) r;

  UPDATE device_health h SET
    last_seen_at = greatest(h.last_seen_at, n.seen_at),
    last_sync_at = greatest(h.last_sync_at, n.synced_at),
    in_progress = CASE WHEN n.is_newest THEN n.in_progress ELSE h.in_progress END,
    clock_skew_ms = CASE WHEN n.is_newest THEN coalesce(n.clock_skew_ms, h.clock_skew_ms) ELSE h.clock_skew_ms END,
    acknowledged = CASE WHEN n.is_newest THEN coalesce(n.acknowledged, h.acknowledged) ELSE h.acknowledged END,
    state = CASE WHEN n.has_report THEN (n.report).state ELSE h.state END,
    pending = CASE WHEN n.has_report THEN (n.report).pending ELSE h.pending END,
    pending_critical = CASE WHEN n.has_report THEN (n.report).pending_critical ELSE h.pending_critical END,
    pending_bulk = CASE WHEN n.has_report THEN (n.report).pending_bulk ELSE h.pending_bulk END,
    oldest_pending_at = CASE WHEN n.has_report THEN (n.report).oldest_pending_at ELSE h.oldest_pending_at END,
    retries = CASE WHEN n.has_report THEN (n.report).retries ELSE h.retries END,
    breaker = CASE WHEN n.has_report THEN coalesce((n.report).breaker, h.breaker) ELSE h.breaker END,
    storage_bytes = CASE WHEN n.has_report THEN coalesce((n.report).storage_bytes, h.storage_bytes) ELSE h.storage_bytes END
  FROM (
    SELECT b.*, b.seen_at >= coalesce(was.last_seen_at, '-infinity') AS is_newest,
      coalesce((b.report).finished_at >= coalesce(was.last_seen_at, '-infinity'), false) AS has_report
    FROM (
      SELECT r.device_id, max(r.finished_at) AS seen_at,
        max(r.finished_at) FILTER (WHERE r.status = 200) AS synced_at,
        (array_agg(r.in_progress ORDER BY r.finished_at DESC))[1] AS in_progress,
        (array_agg(r.clock_skew_ms ORDER BY r.finished_at DESC) FILTER (WHERE r.clock_skew_ms IS NOT NULL))[1] AS clock_skew_ms,
        (array_agg(r.acknowledged ORDER BY r.finished_at DESC) FILTER (WHERE r.acknowledged IS NOT NULL))[1] AS acknowledged,
        (array_agg(r ORDER BY r.finished_at DESC) FILTER (WHERE r.state IS NOT NULL))[1] AS report
      FROM unnest(records) r GROUP BY r.device_id
    ) b JOIN device_health was ON was.device_id = b.device_id
  ) n
  WHERE h.device_id = n.device_id;

  -- Apps are updated now and then: most syncs find what they say already there.
  UPDATE device d SET schema_version = n.schema_version, schema_versions = n.schema_versions
  FROM (
    SELECT DISTINCT ON (r.device_id) r.device_id, r.finished_at, r.schema_version, r.schema_versions
    FROM unnest(records) r WHERE r.schema_version IS NOT NULL ORDER BY r.device_id, r.finished_at DESC
  ) n JOIN device_health h ON h.device_id = n.device_id AND n.finished_at >= h.last_seen_at
  WHERE d.id = n.device_id AND (d.schema_version, d.schema_versions) IS DISTINCT FROM (n.schema_version, n.schema_versions);

  UPDATE device_health h SET last_error_code = e.code, last_error_at = e.at
  FROM (
    SELECT DISTINCT ON (device_id) device_id, at, code FROM (
      SELECT r.device_id, r.finished_at AS at, coalesce(r.error_code, 'internal') AS code
      FROM unnest(records) r WHERE r.status >= 400
      UNION ALL
      SELECT r.device_id, v.at, v.code
      FROM unnest(records) r, jsonb_to_recordset(r.events) v(at timestamptz, kind text, code text) WHERE v.kind = 'error'
    ) known ORDER BY device_id, at DESC
  ) e
  WHERE h.device_id = e.device_id AND e.at >= coalesce(h.last_error_at, '-infinity');

  INSERT INTO device_event (device_id, at, kind, code, detail)
  SELECT r.device_id, v.at, v.kind, v.code, v.detail
  FROM unnest(records) r,
    jsonb_to_recordset(r.events) v(at timestamptz, kind text, code text, detail text)
  ORDER BY r.device_id, v.at
  ON CONFLICT DO NOTHING;
END $$;
