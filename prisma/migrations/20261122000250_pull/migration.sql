-- What devices read: pages of the feed and of the snapshot. Each is one statement, so one view of the database.
-- Both return ready JSON text: a record's state goes from jsonb to the reply without being parsed in between.

/* A server change as protocol.md has it. STABLE, as to_json is: declared otherwise it would not be inlined, and be run for each row. */
CREATE FUNCTION server_change(scope text, seq bigint, "table" text, record_id uuid, operation text, version int, data jsonb,
  checksum text, hlc text, actor_kind text, actor_id text, conflict_id uuid) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT '{"scope":' || to_json(scope) || ',"seq":' || seq || ',"table":' || to_json("table") || ',"record_id":"' || record_id
    || '","operation":"' || operation || '","version":' || version || ',"data":' || coalesce(data::text, 'null')
    || ',"checksum":"' || checksum || '","hlc":"' || hlc || '","by":{"kind":"' || actor_kind || '","id":' || to_json(actor_id)
    || '},"conflict_id":' || coalesce('"' || conflict_id || '"', 'null') || '}'
$$;

/*
 * A page of the feed over several scopes, cut between batches, never within one: `position` orders the batches of all
 * scopes, and is the same in every scope of a batch.
 * asked: [{scope, seq, chain (hex prefix or null)}]; own: the batch this very request pushed, whose applied changes the
 * device has.
 */
CREATE FUNCTION pull_page(asked jsonb, max_changes int, max_bytes int, own uuid) RETURNS TABLE (
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
    SELECT * FROM ahead a WHERE max_changes > 0
      AND ((a.total_changes <= max_changes AND a.total_bytes <= max_bytes) OR a.position = a.first_position)
  ), reached AS (
    SELECT json_object_agg(r.scope, json_build_object('seq', r.seq, 'chain', encode(r.chain, 'hex'))) AS positions
    FROM (SELECT DISTINCT ON (p.scope) p.scope, p.seq, p.chain FROM page p ORDER BY p.scope, p.seq DESC) r
  ), told AS (
    SELECT string_agg(server_change(p.scope, p.seq, ch."table", ch.record_id, ch.effect, ch.after_version, ch.data,
        ch.checksum, ch.hlc, p.actor_kind, p.actor_id, ch.conflict_id), ',' ORDER BY p.position, p.scope, ch.ordinal) AS changes,
      count(*)::int AS delivered
    FROM page p
    JOIN feed_change ch ON ch.scope = p.scope AND ch.batch = p.batch AND ch.committed_at = p.committed_at
    WHERE ch.effect <> 'NONE' AND NOT (p.batch IS NOT DISTINCT FROM own AND ch.outcome = 'applied')
  )
  SELECT stood.standing, reached.positions, coalesce(told.changes, ''), told.delivered,
    (SELECT count(*) FROM ahead) > (SELECT count(*) FROM page)
  FROM stood, reached, told;
END $$;

/* LEAVE entries for the records of scopes that were revoked, by key. leaving: [{scope, seq, table, id}] */
CREATE FUNCTION leave_page(leaving jsonb, max_changes int) RETURNS TABLE (
  scope text, changes text, delivered int, last_table text, last_id uuid
) LANGUAGE sql STABLE
  SET enable_seqscan = off
AS $$
  SELECT l.scope,
    coalesce(string_agg(server_change(l.scope, l.seq, r."table", r.id, 'LEAVE', r.version, NULL, r.checksum, r.hlc,
      'system', 'scope-revoked', NULL), ',' ORDER BY r."table", r.id), ''),
    count(r.id)::int,
    (array_agg(r."table" ORDER BY r."table", r.id))[count(r.id)],
    (array_agg(r.id ORDER BY r."table", r.id))[count(r.id)]
  FROM jsonb_to_recordset(leaving) l(scope text, seq bigint, "table" text, id uuid)
  LEFT JOIN LATERAL (
    SELECT r.* FROM record r WHERE r.scope = l.scope AND (r."table", r.id) > (l."table", l.id)
    ORDER BY r."table", r.id LIMIT max_changes
  ) r ON true
  GROUP BY l.scope
$$;

/* Where the feed stands in these scopes. */
CREATE FUNCTION feed_positions(scopes text[]) RETURNS json LANGUAGE sql STABLE AS $$
  SELECT json_object_agg(h.scope, json_build_object('seq', h.seq, 'chain', encode(h.chain, 'hex')))
  FROM feed_head h WHERE h.scope = ANY (scopes)
$$;

/*
 * A page of one scope's live records as they were at `pin`: a record that changed since is told as it was then, its
 * later changes come through the feed. With a pin below `min_seq` that can no longer be told, nor gone on from.
 */
CREATE FUNCTION snapshot_page(of_scope text, pin bigint, after_table text, after_id uuid, max_items int, max_bytes int)
RETURNS TABLE (items text, delivered int, last_table text, last_id uuid, has_more boolean, is_expired boolean) LANGUAGE plpgsql STABLE
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
  RETURN QUERY
  WITH changed AS MATERIALIZED (
    SELECT DISTINCT ON (ch."table", ch.record_id) ch."table", ch.record_id, ch.before_version
    FROM feed_commit c
    JOIN feed_change ch ON ch.scope = c.scope AND ch.batch = c.batch AND ch.committed_at = c.committed_at
    WHERE c.scope = of_scope AND c.seq > pin AND ch.effect <> 'NONE'
      AND (ch."table", ch.record_id) > (after_table, after_id)
    ORDER BY ch."table", ch.record_id, ch.after_version
  ), candidates AS (
    (SELECT r."table", r.id, r.version, r.data, r.checksum, r.hlc
    FROM record r
    WHERE r.scope = of_scope AND (r."table", r.id) > (after_table, after_id) AND NOT r.deleted
      AND NOT EXISTS (SELECT FROM changed k WHERE k."table" = r."table" AND k.record_id = r.id)
    ORDER BY r."table", r.id LIMIT max_items + 1)
    UNION ALL
    SELECT k."table", k.record_id, s.after_version, s.data, s.checksum, s.hlc
    FROM changed k
    JOIN LATERAL (SELECT * FROM feed_change ch WHERE ch.record_id = k.record_id AND ch."table" = k."table"
      AND ch.scope = of_scope AND ch.after_version = k.before_version AND ch.effect = 'UPSERT' LIMIT 1) s ON true
    WHERE k.before_version > 0
  ), ordered AS (
    SELECT c.*, row_number() OVER w AS place, sum(octet_length(c.data::text)) OVER w AS total_bytes
    FROM candidates c WINDOW w AS (ORDER BY c."table", c.id ROWS UNBOUNDED PRECEDING)
  ), page AS MATERIALIZED (
    SELECT * FROM ordered o WHERE o.place <= max_items AND (o.total_bytes <= max_bytes OR o.place = 1)
  )
  SELECT coalesce(string_agg('{"scope":' || to_json(of_scope) || ',"table":' || to_json(p."table") || ',"record_id":"' || p.id
      || '","version":' || p.version || ',"data":' || p.data::text || ',"checksum":"' || p.checksum || '","hlc":"' || p.hlc
      || '"}', ',' ORDER BY p.place), ''),
    count(*)::int,
    (SELECT l."table" FROM page l ORDER BY l.place DESC LIMIT 1),
    (SELECT l.id FROM page l ORDER BY l.place DESC LIMIT 1),
    (SELECT count(*) FROM ordered) > count(*),
    coalesce((SELECT h.min_seq > pin FROM feed_head h WHERE h.scope = of_scope), false)
  FROM page p;
END $$;
