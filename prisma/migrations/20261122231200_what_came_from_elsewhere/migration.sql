-- A record that comes from another scope goes on from its version there. Taken for one of this scope, it showed a record as
-- live that had been deleted here before.

/*
 * A page of one scope's live records as they were at `pin`: a record that changed since is told as it was then, its
 * later changes come through the feed. With a pin below `min_seq` that can no longer be told, nor gone on from.
 */
CREATE OR REPLACE FUNCTION snapshot_page(of_scope text, pin bigint, after_table text, after_id uuid, max_items int, max_bytes int)
RETURNS TABLE (items text, delivered int, last_table text, last_id uuid, has_more boolean, is_expired boolean) LANGUAGE plpgsql STABLE
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
  RETURN QUERY
  WITH changed AS MATERIALIZED (
    SELECT DISTINCT ON (ch."table", ch.record_id) ch."table", ch.record_id,
      CASE WHEN ch.rule ? 'moved_from' THEN 0 ELSE ch.before_version END AS before_version
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

/*
 * The buckets of a scope in which a device's records are not the server's. One statement, so one view of the database.
 * pin: the feed position to compare at, null for the newest: a record that changed since is taken as it was then.
 * wanted: the tables to compare, null for all. theirs: {table: {bucket: hash}}.
 */
CREATE OR REPLACE FUNCTION compare_buckets(of_scope text, pin bigint, wanted text[], theirs jsonb, max_records int)
RETURNS TABLE (head bigint, min_seq bigint, chain text, buckets text, has_more boolean) LANGUAGE plpgsql STABLE
  SET enable_seqscan = off
AS $$
BEGIN
  RETURN QUERY
  WITH changed AS MATERIALIZED (
    SELECT DISTINCT ON (ch."table", ch.record_id) ch."table", ch.record_id,
      CASE WHEN ch.rule ? 'moved_from' THEN 0 ELSE ch.before_version END AS before_version
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
