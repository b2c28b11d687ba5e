-- A device sends a refused operation again, in another one that names it (`contains`): its dead letter is closed by that, so
-- that nobody replays it beside.

CREATE INDEX "dead_letter_device_id_op_id_idx" ON "dead_letter"("device_id", "op_id");

/*
 * Closes the dead letters of operations that came again within others, as part of the batch that answers those. After
 * push_commit, which may have written some of them: what a device gave up is reported beside what it sends.
 * Raises HF001 where one was replayed meanwhile: then the operation that holds it is decided otherwise.
 * p: device, replayed[] (ids of letters that the decisions took for replayed), trace_id,
 *    sent[{op_id, by, outcome: replayed | conflict | discarded, reason}]
 */
CREATE FUNCTION close_resent(p jsonb) RETURNS int LANGUAGE plpgsql
  SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_now timestamptz(3) := clock_timestamp();
  v_device uuid := (p->>'device')::uuid;
  v_op_ids uuid[] := ARRAY(SELECT (s->>'op_id')::uuid FROM jsonb_array_elements(p->'sent') s);
  v_replayed uuid[] := ARRAY(SELECT jsonb_array_elements_text(p->'replayed'))::uuid[];
  v_count int;
BEGIN
  PERFORM FROM dead_letter l WHERE l.device_id = v_device AND l.op_id = ANY (v_op_ids) ORDER BY l.id FOR UPDATE;
  IF EXISTS (SELECT FROM dead_letter l WHERE l.device_id = v_device AND l.op_id = ANY (v_op_ids) AND l.state = 'replayed'
      AND l.id <> ALL (v_replayed)) THEN
    RAISE EXCEPTION 'a dead letter was replayed meanwhile' USING ERRCODE = 'HF001';
  END IF;
  WITH sent AS (
    SELECT s.op_id, s.by, s.outcome, s.reason
    FROM jsonb_to_recordset(p->'sent') s(op_id uuid, by uuid, outcome text, reason text)
  ), closed AS (
    UPDATE dead_letter l SET state = CASE s.outcome WHEN 'discarded' THEN 'discarded' ELSE 'replayed' END,
      replay_op_id = CASE s.outcome WHEN 'discarded' THEN NULL ELSE s.by END, reason = s.reason,
      closed_by = v_device::text, closed_at = v_now, updated_at = v_now, version = l.version + 1,
      attempts = l.attempts + 1
    FROM sent s
    WHERE l.device_id = v_device AND l.op_id = s.op_id
      AND (l.state = 'open' OR l.state = 'discarded' AND s.outcome <> 'discarded')
    RETURNING l.id, s.by, s.outcome, s.reason
  ), noted AS (
    INSERT INTO dead_letter_attempt (dead_letter_id, at, actor, op_id, outcome, detail, trace_id)
    SELECT c.id, v_now, v_device::text, c.by, c.outcome, c.reason, p->>'trace_id' FROM closed c ORDER BY c.id
  )
  SELECT count(*) INTO v_count FROM closed;
  RETURN v_count;
END $$;
