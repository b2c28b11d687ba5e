-- Roll-ups are read by scope or key over time; their keys begin with the time.
ALTER TABLE "fleet_rollup" ADD COLUMN IF NOT EXISTS "unknown" INTEGER NOT NULL DEFAULT 0,
  ADD COLUMN "skewed" INTEGER NOT NULL DEFAULT 0;
CREATE INDEX IF NOT EXISTS "fleet_rollup_scope_bucket_idx" ON "fleet_rollup"("scope", "bucket");
CREATE INDEX IF NOT EXISTS "sync_rollup_resolution_dimension_key_bucket_idx" ON "sync_rollup"("resolution", "dimension", "key", "bucket");

-- "What failed lately" must not wade through what went well.
CREATE INDEX "sync_session_failed_idx" ON "sync_session"("started_at", "id") WHERE outcome = 'failed';
CREATE INDEX "sync_session_sync_id_started_at_idx" ON "sync_session"("sync_id", "started_at");
CREATE INDEX "sync_session_trace_id_idx" ON "sync_session"("trace_id");

-- "What did this sync write?" looks up commits by time; a block-range index costs a push nothing.
CREATE INDEX "feed_commit_committed_at_idx" ON "feed_commit" USING brin ("committed_at") WITH (pages_per_range = 32, autosummarize = on);

/* Drops the monthly partitions of `parent` that end at or before `keep_from`. Returns how many. */
CREATE FUNCTION drop_partitions(parent text, keep_from date) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  child text;
  dropped int := 0;
BEGIN
  FOR child IN
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = parent::regclass AND c.relname ~ ('^' || parent || '_\d{4}_\d{2}$')
      AND to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month' <= keep_from
  LOOP
    EXECUTE format('DROP TABLE %I', child);
    dropped := dropped + 1;
  END LOOP;
  RETURN dropped;
END $$;
