-- admit_snapshots again: the line is read once a question, where it was read four times.

/*
 * Devices that ask to begin a full sync: which of them may, and when the others come back.
 *
 * At most `snapshot_slots` (a setting; 8) are under way. Turns go by when a device first asked; one with critical changes
 * to send, or with nothing but bulk, counts as having asked some minutes earlier or later, so that nobody is overtaken for
 * ever. A free slot is kept for whoever is first in line and about to come back; who sleeps for longer does not hold
 * it, and finds the same place when it comes. Those at the front come back every second or two, those behind when their
 * turn is likely to be, each a little off so that they do not come together.
 * asks: [{device, jitter from 0 to 1}]; at: the present, for tests.
 */
CREATE OR REPLACE FUNCTION admit_snapshots(asks jsonb, at timestamptz DEFAULT NULL)
RETURNS TABLE (device uuid, admitted boolean, ahead int, retry_after_ms int) LANGUAGE plpgsql AS $$
DECLARE
  v_at timestamptz;
  v_slots int := coalesce((SELECT (s.value #>> '{}')::int FROM setting s WHERE s.key = 'snapshot_slots'), 8);
  v_hold_ms float8 := (SELECT p.hold_ms FROM snapshot_pace p WHERE p.id = 1);
  v_admitted bigint;
  v_expired uuid[];
  -- The line in its order, and who in it is about to come back.
  v_line uuid[];
  v_is_due boolean[];
  v_new uuid[];
  -- A lease goes from page to page: so long may a device take over one before its slot goes to the next.
  c_lease CONSTANT interval := '2 minutes';
  -- A place in line is kept so long past the time a device was told.
  c_patience CONSTANT interval := '5 minutes';
  c_soon CONSTANT interval := '2 seconds';
  c_late CONSTANT interval := '5 seconds';
  c_front_ms CONSTANT float8 := 1500;
  c_back_ms CONSTANT float8 := 60000;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('holdfast snapshot turns'));
  v_at := coalesce(at, clock_timestamp());

  INSERT INTO snapshot_turn AS t (device_id, asked_at, turn_at, due_at, expires_at)
  SELECT a.device, v_at, v_at + a.priority, v_at, v_at + c_patience FROM (
    SELECT DISTINCT ON (k.device) k.device, CASE
      WHEN h.pending_critical > 0 THEN interval '-5 minutes'
      WHEN h.pending_bulk > 0 AND h.pending_bulk = h.pending THEN interval '5 minutes'
      ELSE interval '0' END AS priority
    FROM jsonb_to_recordset(asks) k(device uuid)
    -- OFFSET makes it a look-up by key for each of them: joined, the whole fleet would be read.
    LEFT JOIN LATERAL (SELECT * FROM device_health d WHERE d.device_id = k.device OFFSET 0) h ON true
    ORDER BY k.device
  ) a
  -- Whose time ran out asks as if for the first time.
  ON CONFLICT (device_id) DO UPDATE SET due_at = v_at,
    asked_at = CASE WHEN t.expires_at < v_at THEN excluded.asked_at ELSE t.asked_at END,
    turn_at = CASE WHEN t.expires_at < v_at THEN excluded.turn_at ELSE t.asked_at + (excluded.turn_at - excluded.asked_at) END,
    admitted_at = CASE WHEN t.expires_at >= v_at THEN t.admitted_at END,
    expires_at = v_at + CASE WHEN t.admitted_at IS NOT NULL AND t.expires_at >= v_at THEN c_lease ELSE c_patience END;

  SELECT count(*) FILTER (WHERE t.admitted_at IS NOT NULL AND t.expires_at >= v_at),
    array_agg(t.device_id) FILTER (WHERE t.expires_at < v_at),
    array_agg(t.device_id ORDER BY t.turn_at, t.device_id) FILTER (WHERE t.admitted_at IS NULL AND t.expires_at >= v_at),
    array_agg(t.due_at BETWEEN v_at - c_late AND v_at + c_soon ORDER BY t.turn_at, t.device_id)
      FILTER (WHERE t.admitted_at IS NULL AND t.expires_at >= v_at)
  INTO v_admitted, v_expired, v_line, v_is_due FROM snapshot_turn t;
  IF v_expired IS NOT NULL THEN
    DELETE FROM snapshot_turn t WHERE t.device_id = ANY (v_expired);
  END IF;

  -- First in line of those about to come back, and of them those who are here.
  v_new := ARRAY(
    SELECT f.device FROM (
      SELECT l.device FROM unnest(v_line, v_is_due) WITH ORDINALITY l(device, is_due, place)
      WHERE l.is_due ORDER BY l.place LIMIT greatest(0, v_slots - v_admitted)
    ) f WHERE f.device IN (SELECT k.device FROM jsonb_to_recordset(asks) k(device uuid))
  );
  UPDATE snapshot_turn t SET admitted_at = v_at, expires_at = v_at + c_lease WHERE t.device_id = ANY (v_new);

  RETURN QUERY
  WITH line AS MATERIALIZED (
    SELECT l.device, row_number() OVER (ORDER BY l.place) - 1 AS ahead
    FROM unnest(v_line) WITH ORDINALITY l(device, place) WHERE l.device <> ALL (v_new)
  ), told AS (
    SELECT k.device, l.ahead, t.place, t.admitted_at IS NOT NULL AS admitted,
      (CASE WHEN l.ahead < v_slots THEN least(c_front_ms, v_hold_ms)
        ELSE least(c_back_ms, greatest(c_front_ms, v_hold_ms * (l.ahead + 1) / v_slots)) END
        * (0.75 + 0.5 * k.jitter))::int AS ms
    FROM jsonb_to_recordset(asks) k(device uuid, jitter float8)
    -- By key, and the row itself for the update below: joined, the line would be read again.
    CROSS JOIN LATERAL (SELECT s.ctid AS place, s.admitted_at FROM snapshot_turn s WHERE s.device_id = k.device OFFSET 0) t
    LEFT JOIN line l ON l.device = k.device
  ), due AS (
    UPDATE snapshot_turn t SET due_at = v_at + w.ms * interval '1 millisecond',
      expires_at = v_at + w.ms * interval '1 millisecond' + c_patience
    FROM told w WHERE t.ctid = w.place AND NOT w.admitted
  )
  SELECT w.device, w.admitted, coalesce(w.ahead, 0)::int, coalesce(w.ms, 0) FROM told w;
END $$;
