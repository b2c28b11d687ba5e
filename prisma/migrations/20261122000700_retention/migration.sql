-- What becomes of the log when it is old. Below a scope's `min_seq` only the last state of each record is kept, and the
-- chain goes on from a signed checkpoint. lib/server/retention/checkpoint.ts says how to verify from there.

-- CreateTable
CREATE TABLE "feed_checkpoint" (
    "scope" TEXT NOT NULL,
    "seq" BIGINT NOT NULL,
    "chain" BYTEA NOT NULL,
    "state_digest" BYTEA NOT NULL,
    "records" BIGINT NOT NULL,
    "signature" BYTEA NOT NULL,
    "swept_seq" BIGINT NOT NULL DEFAULT 0,
    "purged_changes" BIGINT NOT NULL DEFAULT 0,
    "purged_losses" BIGINT NOT NULL DEFAULT 0,
    "purged_commits" BIGINT NOT NULL DEFAULT 0,
    "thinned_records" BIGINT NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "feed_checkpoint_pkey" PRIMARY KEY ("scope")
);

/*
 * The fold of a scope's log up to a commit: for each record the change that made it what it was then, which is the one
 * with the highest version among those that wrote it. `effect` UPSERT: it lived, with these columns. DELETE and LEAVE:
 * it was gone from the scope, and only id, version and clock count. The same above a checkpoint and below it.
 */
CREATE FUNCTION feed_fold(of_scope text, upto bigint) RETURNS SETOF feed_change LANGUAGE sql STABLE AS $$
  SELECT DISTINCT ON (ch."table" COLLATE "C", ch.record_id) ch.*
  FROM feed_commit c
  JOIN feed_change ch ON ch.scope = c.scope AND ch.batch = c.batch AND ch.committed_at = c.committed_at
  WHERE c.scope = of_scope AND c.seq <= upto AND ch.effect <> 'NONE'
  ORDER BY ch."table" COLLATE "C", ch.record_id, ch.after_version DESC
$$;

/* What one folded record adds to the digest: `table id version checksum hlc op device vector`, or where it is gone
 * `table id version gone hlc`. No part can hold a blank but the last, which is jsonb's own text. */
CREATE FUNCTION fold_line(c feed_change) RETURNS bytea LANGUAGE sql STABLE AS $$
  SELECT convert_to(CASE c.effect
    WHEN 'UPSERT' THEN concat_ws(' ', c."table", c.record_id, c.after_version, c.checksum, c.hlc, coalesce(c.op_id::text, '-'),
      coalesce(c.device_id::text, '-'), c.vector::text)
    ELSE concat_ws(' ', c."table", c.record_id, c.after_version, 'gone', c.hlc) END, 'UTF8')
$$;

CREATE FUNCTION digest_link(state bytea, line bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
  SELECT sha256(state || line)
$$;
/* SHA-256 over lines, each hashed together with the digest of those before it, so that any number takes no room. */
CREATE AGGREGATE digest_of(bytea) (SFUNC = digest_link, STYPE = bytea, INITCOND = '\x');

/* The digest of the folded state: lines in the order of table (as bytes) and id. The empty string where there is none. */
CREATE FUNCTION feed_fold_digest(of_scope text, upto bigint, OUT digest bytea, OUT records bigint) LANGUAGE sql STABLE AS $$
  SELECT digest_of(fold_line(f) ORDER BY f."table" COLLATE "C", f.record_id), count(*) FROM feed_fold(of_scope, upto) f
$$;

/* How long a scope's log is kept: as long as the most patient of its tables asks. */
CREATE FUNCTION scope_retention(of_scope text) RETURNS interval LANGUAGE sql STABLE AS $$
  -- One probe of the key per table, however many records there are.
  WITH RECURSIVE present AS (
    (SELECT r."table" FROM record r WHERE r.scope = of_scope ORDER BY r."table" LIMIT 1)
    UNION ALL
    SELECT (SELECT r."table" FROM record r WHERE r.scope = of_scope AND r."table" > p."table" ORDER BY r."table" LIMIT 1)
    FROM present p WHERE p."table" IS NOT NULL
  )
  SELECT make_interval(days => coalesce(max(coalesce((t.policy->>'retention_days')::int, 90)), 90))
  FROM present p LEFT JOIN table_policy t ON t.name = p."table"
  WHERE p."table" IS NOT NULL
$$;

/* The last commit of a scope before which everything is older than `keep`. */
CREATE FUNCTION last_expired_seq(of_scope text, keep interval) RETURNS bigint LANGUAGE sql STABLE AS $$
  -- Times need not rise with seq (a batch has the time at which it began to be written), so one that is young keeps all
  -- that follow it.
  SELECT coalesce(
    (SELECT min(c.seq) - 1 FROM feed_commit c WHERE c.scope = of_scope AND c.committed_at >= now() - keep),
    (SELECT h.seq FROM feed_head h WHERE h.scope = of_scope), 0)
$$;

/*
 * Raises a scope's `min_seq` to a checkpoint. From then on no token below it is served, and what nobody can ask for may
 * be swept away. Refuses a mark that would pass anything still within retention, whoever asks.
 */
CREATE FUNCTION raise_min_seq(of_scope text, to_seq bigint, at_chain bytea, state bytea, state_records bigint, signed bytea)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = public, pg_temp
AS $$
DECLARE
  v_keep interval := scope_retention(of_scope);
  v_from bigint;
BEGIN
  IF to_seq > last_expired_seq(of_scope, v_keep) THEN
    RAISE EXCEPTION 'commits up to % of scope % are within its retention of %', to_seq, of_scope, v_keep
      USING ERRCODE = 'check_violation';
  END IF;
  IF NOT EXISTS (SELECT FROM feed_commit c WHERE c.scope = of_scope AND c.seq = to_seq AND c.chain = at_chain) THEN
    RAISE EXCEPTION 'commit % of scope % has another chain', to_seq, of_scope USING ERRCODE = 'check_violation';
  END IF;
  -- The head last, as a push takes it: it is held until the commit that follows.
  SELECT h.min_seq INTO v_from FROM feed_head h WHERE h.scope = of_scope FOR UPDATE;
  IF v_from IS NULL OR to_seq <= v_from THEN RETURN false; END IF;
  INSERT INTO feed_checkpoint AS k (scope, seq, chain, state_digest, records, signature, created_at)
  VALUES (of_scope, to_seq, at_chain, state, state_records, signed, now())
  ON CONFLICT (scope) DO UPDATE SET seq = excluded.seq, chain = excluded.chain, state_digest = excluded.state_digest,
    records = excluded.records, signature = excluded.signature, created_at = excluded.created_at;
  PERFORM audit_append(jsonb_build_array(jsonb_build_object('actor_kind', 'system', 'actor_id', 'retention',
    'actor_name', 'retention', 'action', 'feed.checkpoint', 'target', 'scope', 'target_id', of_scope,
    'before', jsonb_build_object('min_seq', v_from),
    'after', jsonb_build_object('min_seq', to_seq, 'chain', encode(at_chain, 'hex'), 'state', encode(state, 'hex'),
      'records', state_records, 'kept_days', extract(day FROM v_keep)::int))));
  UPDATE feed_head h SET min_seq = to_seq WHERE h.scope = of_scope;
  RETURN true;
END $$;

/*
 * Deletes what lies at or below a scope's checkpoint and is superseded there, commit by commit from where it stopped:
 * changes that a later one replaced, operations that wrote nothing, commits that are left empty. What the fold needs
 * stays, and so does the commit of the checkpoint itself, whose chain tokens are held against. Deleted records become
 * thin: id, version and clock, which is what keeps an old device from bringing them back.
 * Returns how many commits it went over; 0 when there is nothing left to do.
 */
CREATE FUNCTION sweep_feed(of_scope text, max_commits int, max_changes int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = public, pg_temp
  -- Opens the log for this function alone (refuse_rewrite).
  SET holdfast.sweeping = 'on'
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
  k feed_checkpoint;
  v_to bigint;
  v_count int;
  v_changes bigint;
  v_losses bigint;
  v_commits bigint;
  v_thinned bigint;
  v_written jsonb;
  v_batches jsonb;
BEGIN
  SELECT * INTO k FROM feed_checkpoint c WHERE c.scope = of_scope FOR UPDATE SKIP LOCKED;
  IF NOT FOUND OR k.swept_seq >= k.seq THEN RETURN 0; END IF;

  -- As many commits as hold max_changes, but one at least.
  SELECT max(s.seq), count(*) INTO v_to, v_count FROM (
    SELECT c.seq, sum(c.changes) OVER (ORDER BY c.seq) - c.changes AS before
    FROM (SELECT c.seq, c.changes FROM feed_commit c
      WHERE c.scope = of_scope AND c.seq > k.swept_seq AND c.seq <= k.seq ORDER BY c.seq LIMIT max_commits) c
  ) s WHERE s.before < max_changes;

  SELECT jsonb_agg(w) INTO v_written FROM (
    SELECT DISTINCT ON (ch."table", ch.record_id) ch."table", ch.record_id, ch.after_version AS version,
      ch.effect <> 'UPSERT' AS gone
    FROM feed_commit c
    JOIN feed_change ch ON ch.scope = c.scope AND ch.batch = c.batch AND ch.committed_at = c.committed_at
    WHERE c.scope = of_scope AND c.seq > k.swept_seq AND c.seq <= v_to AND ch.effect <> 'NONE'
    ORDER BY ch."table", ch.record_id, ch.after_version DESC
  ) w;
  v_written := coalesce(v_written, '[]');

  WITH silent AS (
    DELETE FROM feed_change ch USING feed_commit c
    WHERE c.scope = of_scope AND c.seq > k.swept_seq AND c.seq <= v_to
      AND ch.scope = c.scope AND ch.batch = c.batch AND ch.committed_at = c.committed_at AND ch.effect = 'NONE'
    RETURNING ch.batch, ch.committed_at, ch.lost
  ), superseded AS (
    -- A record's versions rise along the feed: what is lower than one at or below the checkpoint lies there, too.
    DELETE FROM feed_change ch
    USING jsonb_to_recordset(v_written) s("table" text, record_id uuid, version int)
    WHERE ch.record_id = s.record_id AND ch."table" = s."table" AND ch.scope = of_scope AND ch.after_version < s.version
      AND ch.effect <> 'NONE'
    RETURNING ch.batch, ch.committed_at, ch.lost
  ), gone AS (
    SELECT * FROM silent UNION ALL SELECT * FROM superseded
  )
  SELECT count(*), count(*) FILTER (WHERE lost IS NOT NULL),
    jsonb_agg(DISTINCT jsonb_build_object('batch', batch, 'at', committed_at))
    INTO v_changes, v_losses, v_batches FROM gone;

  WITH emptied AS (
    DELETE FROM feed_commit c USING jsonb_to_recordset(coalesce(v_batches, '[]')) b(batch uuid, at timestamptz)
    WHERE c.batch = b.batch AND c.scope = of_scope AND c.committed_at = b.at AND c.seq < k.seq
      AND NOT EXISTS (SELECT FROM feed_change ch
        WHERE ch.scope = of_scope AND ch.batch = c.batch AND ch.committed_at = c.committed_at)
    RETURNING 1
  ), last_mark AS (
    -- The checkpoint before this one kept its commit, empty or not.
    DELETE FROM feed_commit c WHERE c.scope = of_scope AND c.seq = k.swept_seq AND c.seq < k.seq
      AND NOT EXISTS (SELECT FROM feed_change ch
        WHERE ch.scope = of_scope AND ch.batch = c.batch AND ch.committed_at = c.committed_at)
      AND NOT EXISTS (SELECT FROM jsonb_to_recordset(coalesce(v_batches, '[]')) b(batch uuid) WHERE b.batch = c.batch)
    RETURNING 1
  ) SELECT (SELECT count(*) FROM emptied) + (SELECT count(*) FROM last_mark) INTO v_commits;

  -- A record that is being written just now stays as it is: no push waits for this.
  WITH thin AS MATERIALIZED (
    SELECT r."table", r.id
    FROM jsonb_to_recordset(v_written) s("table" text, record_id uuid, version int, gone boolean)
    JOIN record r ON r.scope = of_scope AND r."table" = s."table" AND r.id = s.record_id
    WHERE s.gone AND r.deleted AND r.version = s.version AND r.vector <> '{}'
    FOR UPDATE OF r SKIP LOCKED
  ), thinned AS (
    UPDATE record r SET vector = '{}', last_op_id = NULL, last_device_id = NULL
    FROM thin t WHERE r.scope = of_scope AND r."table" = t."table" AND r.id = t.id
    RETURNING 1
  ) SELECT count(*) INTO v_thinned FROM thinned;

  UPDATE feed_checkpoint c SET swept_seq = v_to,
    purged_changes = purged_changes + v_changes, purged_losses = purged_losses + v_losses,
    purged_commits = purged_commits + v_commits, thinned_records = thinned_records + v_thinned
  WHERE c.scope = of_scope RETURNING * INTO k;
  IF k.swept_seq = k.seq AND k.purged_changes + k.thinned_records > 0 THEN
    PERFORM audit_append(jsonb_build_array(jsonb_build_object('actor_kind', 'system', 'actor_id', 'retention',
      'actor_name', 'retention', 'action', 'feed.purge', 'target', 'scope', 'target_id', of_scope,
      'after', jsonb_build_object('min_seq', k.seq, 'changes', k.purged_changes, 'with_losing_values', k.purged_losses,
        'commits', k.purged_commits, 'thinned_records', k.thinned_records))));
    UPDATE feed_checkpoint c SET purged_changes = 0, purged_losses = 0, purged_commits = 0, thinned_records = 0
      WHERE c.scope = of_scope;
  END IF;
  RETURN v_count;
END $$;

-- The log is append-only for everyone but the function above.
CREATE OR REPLACE FUNCTION refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND TG_TABLE_NAME <> 'audit' AND current_setting('holdfast.sweeping', true) = 'on' THEN RETURN NULL; END IF;
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

/* Scopes whose log is older than its retention asks, and which wait for a checkpoint or for the sweep to go on. */
CREATE FUNCTION scopes_to_compact(min_age interval) RETURNS TABLE (scope text, min_seq bigint, target bigint, is_swept boolean)
LANGUAGE sql STABLE AS $$
  SELECT h.scope, h.min_seq,
    CASE WHEN k.created_at IS NULL OR k.created_at <= now() - min_age
      THEN greatest(h.min_seq, last_expired_seq(h.scope, scope_retention(h.scope))) ELSE h.min_seq END,
    k.scope IS NULL OR k.swept_seq >= k.seq
  FROM feed_head h LEFT JOIN feed_checkpoint k ON k.scope = h.scope
$$;

/*
 * Drops one month of the log that ended at or before `keep_from` and of which at most `most_rows` are left: what the fold
 * still needs of it moves to the default partition. Locks the log for as long as that takes, and gives up at once where
 * somebody else holds it. Returns whether there was one.
 */
CREATE FUNCTION retire_partition(parent text, keep_from date, most_rows int) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  child text;
  v_left bigint;
BEGIN
  PERFORM set_config('lock_timeout', '500ms', true);
  FOR child IN
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = parent::regclass AND c.relname ~ ('^' || parent || '_\d{4}_\d{2}$')
      AND to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month' <= keep_from
    ORDER BY c.relname
  LOOP
    EXECUTE format('SELECT count(*) FROM (SELECT FROM %I LIMIT %s) r', child, most_rows + 1) INTO v_left;
    CONTINUE WHEN v_left > most_rows;
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', parent);
    EXECUTE format('CREATE TEMP TABLE retired ON COMMIT DROP AS SELECT * FROM %I', child);
    EXECUTE format('DROP TABLE %I', child);
    EXECUTE format('INSERT INTO %I SELECT * FROM retired', parent);
    RETURN true;
  END LOOP;
  RETURN false;
EXCEPTION
  WHEN lock_not_available THEN RETURN false;
END $$;

/* How long first answers are kept: as long as any device may be away and still go on from its token. */
CREATE FUNCTION answer_retention() RETURNS interval LANGUAGE sql STABLE AS $$
  SELECT make_interval(days => greatest(90, max(coalesce((t.policy->>'retention_days')::int, 90)))) FROM table_policy t
$$;

/*
 * Forgets first answers that were given more than `keep` ago: of each stream those at its beginning, as far as all are that
 * old. The stream remembers how far, so that an operation of that age is never taken for a new one. A stream that is being
 * pushed to just now waits for the next time.
 */
CREATE FUNCTION prune_answers(keep interval, max_answers int, OUT answers bigint, OUT streams bigint) LANGUAGE plpgsql
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
    CROSS JOIN LATERAL (SELECT r.created_at FROM op_result r
      WHERE r.device_id = s.device_id AND r.incarnation = s.incarnation ORDER BY r.seq LIMIT 1) oldest
    WHERE oldest.created_at < v_before
    ORDER BY s.device_id, s.incarnation LIMIT 500 FOR UPDATE OF s SKIP LOCKED
  LOOP
    WITH oldest AS (
      SELECT r.seq, r.created_at FROM op_result r
      WHERE r.device_id = v_stream.device_id AND r.incarnation = v_stream.incarnation
      ORDER BY r.seq LIMIT max_answers - answers
    ), old AS (
      SELECT o.seq, bool_and(o.created_at < v_before) OVER (ORDER BY o.seq) AS is_old FROM oldest o
    ), gone AS (
      DELETE FROM op_result r USING old o
      WHERE o.is_old AND r.device_id = v_stream.device_id AND r.incarnation = v_stream.incarnation AND r.seq = o.seq
      RETURNING r.seq, r.created_at
    ) SELECT count(*) AS answers, max(seq) AS seq, max(created_at) AS at INTO v_gone FROM gone;
    UPDATE device_stream s SET pruned_seq = greatest(s.pruned_seq, v_gone.seq), pruned_until = greatest(s.pruned_until, v_gone.at)
      WHERE s.device_id = v_stream.device_id AND s.incarnation = v_stream.incarnation;
    answers := answers + v_gone.answers;
    streams := streams + 1;
    EXIT WHEN answers >= max_answers;
  END LOOP;
END $$;

-- Full syncs take turns: when a fleet's tokens expire at once, so many at a time, in the order in which they asked.

-- CreateTable
CREATE TABLE "snapshot_turn" (
    "device_id" UUID NOT NULL,
    "asked_at" TIMESTAMPTZ(3) NOT NULL,
    "turn_at" TIMESTAMPTZ(3) NOT NULL,
    "due_at" TIMESTAMPTZ(3) NOT NULL,
    "admitted_at" TIMESTAMPTZ(3),
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "snapshot_turn_pkey" PRIMARY KEY ("device_id")
);

-- CreateIndex
CREATE INDEX "snapshot_turn_turn_at_device_id_idx" ON "snapshot_turn"("turn_at", "device_id");

-- CreateTable
CREATE TABLE "snapshot_pace" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "hold_ms" DOUBLE PRECISION NOT NULL DEFAULT 2000,
    "finished" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "snapshot_pace_pkey" PRIMARY KEY ("id")
);
INSERT INTO "snapshot_pace" DEFAULT VALUES;

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
CREATE FUNCTION admit_snapshots(asks jsonb, at timestamptz DEFAULT NULL)
RETURNS TABLE (device uuid, admitted boolean, ahead int, retry_after_ms int) LANGUAGE plpgsql AS $$
DECLARE
  v_at timestamptz;
  v_slots int := coalesce((SELECT (s.value #>> '{}')::int FROM setting s WHERE s.key = 'snapshot_slots'), 8);
  v_hold_ms float8 := (SELECT p.hold_ms FROM snapshot_pace p WHERE p.id = 1);
  v_free int;
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
  DELETE FROM snapshot_turn t WHERE t.expires_at < v_at;

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
  ON CONFLICT (device_id) DO UPDATE SET due_at = v_at, turn_at = t.asked_at + (excluded.turn_at - excluded.asked_at),
    expires_at = v_at + CASE WHEN t.admitted_at IS NULL THEN c_patience ELSE c_lease END;

  v_free := greatest(0, v_slots - (SELECT count(*) FROM snapshot_turn t WHERE t.admitted_at IS NOT NULL));
  WITH first AS (
    SELECT t.device_id FROM snapshot_turn t
    WHERE t.admitted_at IS NULL AND t.due_at BETWEEN v_at - c_late AND v_at + c_soon
    ORDER BY t.turn_at, t.device_id LIMIT v_free
  )
  UPDATE snapshot_turn t SET admitted_at = v_at, expires_at = v_at + c_lease
  FROM first f
  WHERE t.device_id = f.device_id AND f.device_id IN (SELECT k.device FROM jsonb_to_recordset(asks) k(device uuid));

  RETURN QUERY
  WITH line AS MATERIALIZED (
    SELECT t.device_id, row_number() OVER (ORDER BY t.turn_at, t.device_id) - 1 AS ahead
    FROM snapshot_turn t WHERE t.admitted_at IS NULL
  ), told AS (
    SELECT k.device, l.ahead, t.admitted_at IS NOT NULL AS admitted,
      (CASE WHEN l.ahead < v_slots THEN least(c_front_ms, v_hold_ms)
        ELSE least(c_back_ms, greatest(c_front_ms, v_hold_ms * (l.ahead + 1) / v_slots)) END
        * (0.75 + 0.5 * k.jitter))::int AS ms
    FROM jsonb_to_recordset(asks) k(device uuid, jitter float8)
    JOIN snapshot_turn t ON t.device_id = k.device
    LEFT JOIN line l ON l.device_id = k.device
  ), due AS (
    UPDATE snapshot_turn t SET due_at = v_at + w.ms * interval '1 millisecond',
      expires_at = v_at + w.ms * interval '1 millisecond' + c_patience
    FROM told w WHERE t.device_id = w.device AND NOT w.admitted
  )
  SELECT w.device, w.admitted, coalesce(w.ahead, 0)::int, coalesce(w.ms, 0) FROM told w;
END $$;

/* A device got a page of its full sync: it keeps its slot for the next one, also where its lease had run out, or frees it. */
CREATE FUNCTION hold_snapshot(of_device uuid, is_last boolean, at timestamptz DEFAULT clock_timestamp()) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  v_since timestamptz;
BEGIN
  IF is_last THEN
    DELETE FROM snapshot_turn t WHERE t.device_id = of_device RETURNING t.admitted_at INTO v_since;
    IF v_since IS NOT NULL THEN
      UPDATE snapshot_pace SET finished = finished + 1,
        hold_ms = hold_ms * 0.9 + 0.1 * extract(epoch FROM at - v_since) * 1000 WHERE id = 1;
    END IF;
  ELSE
    INSERT INTO snapshot_turn AS t (device_id, asked_at, turn_at, due_at, admitted_at, expires_at)
    VALUES (of_device, at, at, at, at, at + interval '2 minutes')
    ON CONFLICT (device_id) DO UPDATE SET admitted_at = coalesce(t.admitted_at, excluded.admitted_at),
      expires_at = excluded.expires_at;
  END IF;
END $$;

DO $$
BEGIN
  REVOKE ALL ON FUNCTION raise_min_seq(text, bigint, bytea, bytea, bigint, bytea), sweep_feed(text, int, int) FROM PUBLIC;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'holdfast_app') THEN
    GRANT SELECT ON "feed_checkpoint" TO "holdfast_app";
    GRANT SELECT, INSERT, UPDATE, DELETE ON "snapshot_turn" TO "holdfast_app";
    GRANT SELECT, UPDATE ON "snapshot_pace" TO "holdfast_app";
    GRANT EXECUTE ON FUNCTION raise_min_seq(text, bigint, bytea, bytea, bigint, bytea), sweep_feed(text, int, int)
      TO "holdfast_app";
  END IF;
END $$;
