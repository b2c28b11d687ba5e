-- An answer is kept until its operation is old by its id as well: a device whose clock was ahead made it later than it was
-- answered, and a copy of that device may send it as it was first stamped (lib/core/stream.ts).

/* When a UUID of version 7 was made, by its maker's clock; of any other nothing is known. */
CREATE FUNCTION made_at(id uuid) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN substr(id::text, 15, 1) = '7'
    THEN to_timestamp(('x' || translate(substr(id::text, 1, 13), '-', ''))::bit(48)::bigint / 1000.0)
    ELSE '-infinity' END
$$;

/*
 * Forgets first answers that were given, and whose operations were made, more than `keep` ago: of each stream those at its
 * beginning, as far as all are that old. The stream remembers how far, so that an operation of that age is never taken for a
 * new one. A stream that is being pushed to just now waits for the next time.
 */
CREATE OR REPLACE FUNCTION prune_answers(keep interval, max_answers int, OUT answers bigint, OUT streams bigint) LANGUAGE plpgsql
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
  v_before timestamptz := now() - keep;
  v_stream record;
  v_gone record;
BEGIN
  answers := 0;
  streams := 0;
  FOR v_stream IN
    SELECT s.device_id, s.incarnation FROM device_stream s
    CROSS JOIN LATERAL (SELECT greatest(r.created_at, made_at(r.op_id)) AS at FROM op_result r
      WHERE r.device_id = s.device_id AND r.incarnation = s.incarnation ORDER BY r.seq LIMIT 1) oldest
    WHERE oldest.at < v_before
    ORDER BY s.device_id, s.incarnation LIMIT 500 FOR UPDATE OF s SKIP LOCKED
  LOOP
    WITH oldest AS (
      SELECT r.seq, greatest(r.created_at, made_at(r.op_id)) AS at FROM op_result r
      WHERE r.device_id = v_stream.device_id AND r.incarnation = v_stream.incarnation
      ORDER BY r.seq LIMIT max_answers - answers
    ), old AS (
      SELECT o.seq, o.at, bool_and(o.at < v_before) OVER (ORDER BY o.seq) AS is_old FROM oldest o
    ), gone AS (
      DELETE FROM op_result r USING old o
      WHERE o.is_old AND r.device_id = v_stream.device_id AND r.incarnation = v_stream.incarnation AND r.seq = o.seq
      RETURNING r.seq, o.at
    ) SELECT count(*) AS answers, max(seq) AS seq, max(at) AS at INTO v_gone FROM gone;
    UPDATE device_stream s SET pruned_seq = greatest(s.pruned_seq, v_gone.seq), pruned_until = greatest(s.pruned_until, v_gone.at)
      WHERE s.device_id = v_stream.device_id AND s.incarnation = v_stream.incarnation;
    answers := answers + v_gone.answers;
    streams := streams + 1;
    EXIT WHEN answers >= max_answers;
  END LOOP;
END $$;
