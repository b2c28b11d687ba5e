-- A page of the feed says what a commit's changes have in common once for each commit, and copies each state once:
-- what is put together around a long text copies it as often as it adds to it.

/* How each change of a commit begins. STABLE, as to_json is: declared otherwise it would not be inlined, and be run for each row. */
CREATE FUNCTION change_of_commit(scope text, seq bigint, actor_kind text, actor_id text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT '{"scope":' || to_json(scope) || ',"seq":' || seq || ',"by":{"kind":"' || actor_kind || '","id":' || to_json(actor_id)
    || '},"record_id":"'
$$;

/* And how it goes on: its state comes last. */
CREATE FUNCTION change_in_commit(beginning text, "table" text, record_id uuid, operation text, version int, data jsonb,
  checksum text, hlc text, conflict_id uuid) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT beginning || record_id || '","operation":"' || operation || '","version":' || version || ',"checksum":"' || checksum
    || '","hlc":"' || hlc || '","conflict_id":' || coalesce('"' || conflict_id || '"', 'null') || ',"table":' || to_json("table")
    || ',"data":' || coalesce(data::text, 'null') || '}'
$$;

/* A server change as protocol.md has it. */
CREATE OR REPLACE FUNCTION server_change(scope text, seq bigint, "table" text, record_id uuid, operation text, version int, data jsonb,
  checksum text, hlc text, actor_kind text, actor_id text, conflict_id uuid) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT change_in_commit(change_of_commit(scope, seq, actor_kind, actor_id), "table", record_id, operation, version, data,
    checksum, hlc, conflict_id)
$$;

/*
 * A page of the feed over several scopes, cut between batches, never within one: `position` orders the batches of all
 * scopes, and is the same in every scope of a batch. The first row says where the page stands and whether there is more;
 * those after it bring the changes, in order, and tell how many they are.
 * asked: [{scope, seq, chain (hex prefix or null)}]; own: the batch this very request pushed, whose applied changes the
 * device has.
 */
CREATE OR REPLACE FUNCTION pull_page(asked jsonb, max_changes int, max_bytes int, own uuid) RETURNS TABLE (
  standing json, positions json, changes text, delivered int, has_more boolean
) LANGUAGE plpgsql STABLE
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN QUERY
  WITH asked_for AS MATERIALIZED (
    SELECT a.scope, a.seq, a.chain, coalesce(h.seq, 0) AS head, coalesce(h.min_seq, 0) AS min_seq
    FROM jsonb_to_recordset(asked) a(scope text, seq bigint, chain text)
    LEFT JOIN feed_head h ON h.scope = a.scope
  ), stood AS (
    SELECT json_agg(json_build_object('scope', a.scope, 'seq', a.seq, 'head', a.head, 'min_seq', a.min_seq,
      'chain', (SELECT encode(c.chain, 'hex') FROM feed_commit c WHERE c.scope = a.scope AND c.seq = a.seq))) AS standing
    FROM asked_for a
  ), ahead AS MATERIALIZED (
    SELECT c.*, sum(c.changes) OVER w AS total_changes, sum(c.size_bytes) OVER w AS total_bytes,
      min(c.position) OVER () AS first_position
    FROM asked_for a
    CROSS JOIN LATERAL (SELECT f.* FROM feed_commit f WHERE f.scope = a.scope AND f.seq > a.seq
      ORDER BY f.seq LIMIT max_changes + 1) c
    WHERE a.head > a.seq
    WINDOW w AS (ORDER BY c.position RANGE UNBOUNDED PRECEDING)
  ), page AS MATERIALIZED (
    SELECT a.*, change_of_commit(a.scope, a.seq, a.actor_kind, a.actor_id) AS beginning FROM ahead a WHERE max_changes > 0
      AND ((a.total_changes <= max_changes AND a.total_bytes <= max_bytes) OR a.position = a.first_position)
  ), reached AS (
    SELECT json_object_agg(r.scope, json_build_object('seq', r.seq, 'chain', encode(r.chain, 'hex'))) AS positions
    FROM (SELECT DISTINCT ON (p.scope) p.scope, p.seq, p.chain FROM page p ORDER BY p.scope, p.seq DESC) r
  ), told AS (
    SELECT p.total_bytes / 65536 AS part,
      string_agg(change_in_commit(p.beginning, ch."table", ch.record_id, ch.effect, ch.after_version, ch.data,
        ch.checksum, ch.hlc, ch.conflict_id), ',' ORDER BY p.position, p.scope, ch.ordinal) AS changes,
      count(*)::int AS delivered
    FROM page p
    JOIN feed_change ch ON ch.scope = p.scope AND ch.batch = p.batch AND ch.committed_at = p.committed_at
    WHERE ch.effect <> 'NONE' AND NOT (p.batch IS NOT DISTINCT FROM own AND ch.outcome = 'applied')
    GROUP BY p.total_bytes / 65536
  )
  SELECT stood.standing, reached.positions, NULL::text, 0, (SELECT count(*) FROM ahead) > (SELECT count(*) FROM page)
  FROM stood, reached
  UNION ALL
  SELECT NULL, NULL, t.changes, t.delivered, NULL FROM (SELECT * FROM told ORDER BY told.part) t;
END $$;
