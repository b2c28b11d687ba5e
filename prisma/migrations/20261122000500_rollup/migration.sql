-- Roll-ups are read by scope or key over time; their keys begin with the time.
ALTER TABLE "fleet_rollup" ADD COLUMN IF NOT EXISTS "unknown" INTEGER NOT NULL DEFAULT 0;
CREATE INDEX IF NOT EXISTS "fleet_rollup_scope_bucket_idx" ON "fleet_rollup"("scope", "bucket");
CREATE INDEX IF NOT EXISTS "sync_rollup_resolution_dimension_key_bucket_idx" ON "sync_rollup"("resolution", "dimension", "key", "bucket");

-- "What failed lately" must not wade through what went well.
CREATE INDEX "sync_session_failed_idx" ON "sync_session"("started_at", "id") WHERE outcome = 'failed';
CREATE INDEX "sync_session_sync_id_started_at_idx" ON "sync_session"("sync_id", "started_at");
CREATE INDEX "sync_session_trace_id_idx" ON "sync_session"("trace_id");
