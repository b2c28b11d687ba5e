-- The log, the audit and the sync sessions: partitioned by month from the start, so that retention drops a
-- partition instead of deleting rows.

CREATE TABLE "feed_commit" (
    "scope" TEXT NOT NULL,
    "seq" BIGINT NOT NULL,
    "committed_at" TIMESTAMPTZ(3) NOT NULL,
    "batch" UUID NOT NULL,
    "position" BIGINT NOT NULL,
    "changes" INTEGER NOT NULL,
    "size_bytes" INTEGER NOT NULL,
    "digest" BYTEA NOT NULL,
    "chain" BYTEA NOT NULL,
    "actor_kind" TEXT NOT NULL,
    "actor_id" TEXT NOT NULL,
    "trace_id" TEXT,

    CONSTRAINT "feed_commit_pkey" PRIMARY KEY ("scope","seq","committed_at")
) PARTITION BY RANGE ("committed_at");

CREATE TABLE "feed_change" (
    "scope" TEXT NOT NULL,
    "batch" UUID NOT NULL,
    "ordinal" INTEGER NOT NULL,
    "committed_at" TIMESTAMPTZ(3) NOT NULL,
    "table" TEXT NOT NULL,
    "record_id" UUID NOT NULL,
    "operation" TEXT NOT NULL,
    "effect" TEXT NOT NULL,
    "op_id" UUID,
    "seq" BIGINT,
    "outcome" TEXT NOT NULL,
    "before_version" INTEGER NOT NULL,
    "after_version" INTEGER NOT NULL,
    "data" JSONB,
    "checksum" TEXT NOT NULL,
    "hlc" TEXT NOT NULL,
    "vector" JSONB NOT NULL,
    "rule" JSONB NOT NULL,
    "lost" JSONB,
    "conflict_id" UUID,
    "dead_letter_id" UUID,
    "device_id" UUID,

    CONSTRAINT "feed_change_pkey" PRIMARY KEY ("scope","batch","ordinal","committed_at")
) PARTITION BY RANGE ("committed_at");

CREATE TABLE "sync_session" (
    "id" UUID NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "sync_id" UUID,
    "device_id" UUID NOT NULL,
    "incarnation" UUID,
    "duration_ms" DOUBLE PRECISION NOT NULL,
    "status" INTEGER NOT NULL,
    "outcome" TEXT NOT NULL,
    "error_code" TEXT,
    "pushed" INTEGER NOT NULL DEFAULT 0,
    "applied" INTEGER NOT NULL DEFAULT 0,
    "merged" INTEGER NOT NULL DEFAULT 0,
    "superseded" INTEGER NOT NULL DEFAULT 0,
    "no_change" INTEGER NOT NULL DEFAULT 0,
    "conflicts" INTEGER NOT NULL DEFAULT 0,
    "rejected" INTEGER NOT NULL DEFAULT 0,
    "replayed" INTEGER NOT NULL DEFAULT 0,
    "pulled" INTEGER NOT NULL DEFAULT 0,
    "resync" TEXT,
    "request_bytes" INTEGER NOT NULL DEFAULT 0,
    "response_bytes" INTEGER NOT NULL DEFAULT 0,
    "tables" JSONB NOT NULL DEFAULT '{}',
    "scopes" TEXT[],
    "app_version" TEXT NOT NULL DEFAULT '',
    "lag_seconds" DOUBLE PRECISION,
    "trace_id" TEXT,

    CONSTRAINT "sync_session_pkey" PRIMARY KEY ("id","started_at")
) PARTITION BY RANGE ("started_at");

CREATE TABLE "audit" (
    "id" BIGINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "actor_kind" TEXT NOT NULL,
    "actor_id" TEXT NOT NULL,
    "actor_name" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "target" TEXT NOT NULL,
    "target_id" TEXT NOT NULL,
    "reason" TEXT,
    "before" JSONB,
    "after" JSONB,
    "trace_id" TEXT,
    "chain" BYTEA NOT NULL,

    CONSTRAINT "audit_pkey" PRIMARY KEY ("id","at")
) PARTITION BY RANGE ("at");

CREATE INDEX "feed_change_record_id_table_scope_after_version_idx" ON "feed_change"("record_id", "table", "scope", "after_version");

CREATE INDEX "sync_session_started_at_id_idx" ON "sync_session"("started_at", "id");

CREATE INDEX "sync_session_device_id_started_at_idx" ON "sync_session"("device_id", "started_at");

CREATE INDEX "audit_target_target_id_idx" ON "audit"("target", "target_id");

-- A row outside every month still has a place; the worker makes months ahead, so this one stays empty.
CREATE TABLE "feed_commit_default" PARTITION OF "feed_commit" DEFAULT;
CREATE TABLE "feed_change_default" PARTITION OF "feed_change" DEFAULT;
CREATE TABLE "sync_session_default" PARTITION OF "sync_session" DEFAULT;
CREATE TABLE "audit_default" PARTITION OF "audit" DEFAULT;

/*
 * Makes the monthly partitions from the month of `from_day` to `months_ahead` after it; those that exist stay.
 * Statistics are not inherited. On what nobody searches by they are half of what keeping them fresh costs: autovacuum
 * sorts 30,000 states at each tenth of growth.
 */
CREATE FUNCTION ensure_partitions(from_day date, months_ahead int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  parent text;
  month text;
  first_day date;
BEGIN
  FOREACH parent IN ARRAY ARRAY['feed_commit', 'feed_change', 'sync_session', 'audit'] LOOP
    FOR i IN 0..months_ahead LOOP
      first_day := (date_trunc('month', from_day) + make_interval(months => i))::date;
      month := parent || to_char(first_day, '_YYYY_MM');
      CONTINUE WHEN to_regclass(quote_ident(month)) IS NOT NULL;
      EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', month, parent,
        first_day::text || ' 00:00:00+00', (first_day + interval '1 month')::date::text || ' 00:00:00+00');
      IF parent = 'feed_change' THEN
        EXECUTE format('ALTER TABLE %I ALTER data SET STATISTICS 0, ALTER checksum SET STATISTICS 0,
          ALTER hlc SET STATISTICS 0, ALTER vector SET STATISTICS 0, ALTER rule SET STATISTICS 0,
          ALTER lost SET STATISTICS 0', month);
      END IF;
    END LOOP;
  END LOOP;
END $$;

SELECT ensure_partitions(current_date, 2);

ALTER TABLE "record" ALTER "data" SET STATISTICS 0, ALTER "checksum" SET STATISTICS 0, ALTER "hlc" SET STATISTICS 0,
  ALTER "vector" SET STATISTICS 0;
ALTER TABLE "op_result" ALTER "payload_hash" SET STATISTICS 0, ALTER "answer" SET STATISTICS 0,
  ALTER "pushed" SET STATISTICS 0;

-- Gives FeedCommit.position: taken while a batch holds the heads of all its scopes.
CREATE SEQUENCE "feed_position";

INSERT INTO "server_identity" DEFAULT VALUES;
INSERT INTO "audit_head" ("id", "chain") VALUES (1, sha256('holdfast audit'::bytea));

/* What one audit row adds to the chain. */
CREATE FUNCTION audit_digest(a audit) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
  SELECT sha256(convert_to(jsonb_build_array(a.id, extract(epoch FROM a.at), a.actor_kind, a.actor_id, a.actor_name,
    a.action, a.target, a.target_id, a.reason, a.before, a.after, a.trace_id)::text, 'UTF8'))
$$;

/* Appends entries to the audit, each chained to the one before it. Takes the audit's head until commit. */
CREATE FUNCTION audit_append(entries jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  head audit_head;
  entry audit;
  e jsonb;
BEGIN
  IF jsonb_array_length(entries) = 0 THEN RETURN; END IF;
  SELECT * INTO head FROM audit_head WHERE id = 1 FOR UPDATE;
  FOR e IN SELECT * FROM jsonb_array_elements(entries) LOOP
    head.last_id := head.last_id + 1;
    entry := ROW(head.last_id, date_trunc('milliseconds', clock_timestamp()), e->>'actor_kind', e->>'actor_id',
      e->>'actor_name', e->>'action', e->>'target', e->>'target_id', e->>'reason',
      NULLIF(e->'before', 'null'), NULLIF(e->'after', 'null'), e->>'trace_id', ''::bytea)::audit;
    head.chain := sha256(head.chain || audit_digest(entry));
    entry.chain := head.chain;
    INSERT INTO audit SELECT entry.*;
  END LOOP;
  UPDATE audit_head SET last_id = head.last_id, chain = head.chain WHERE id = 1;
END $$;

-- Append-only: for the application's role by its grants, for every other role by a trigger.
CREATE FUNCTION refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "feed_commit" FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "feed_change" FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "audit" FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();

-- The application works as holdfast_app (SET ROLE at connect), the migrations as the database's owner.
-- Where the owner may not create roles, the triggers alone stand guard.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'holdfast_app') THEN
    CREATE ROLE "holdfast_app" NOLOGIN;
  END IF;
  IF NOT pg_has_role(current_user, 'holdfast_app', 'MEMBER') THEN
    EXECUTE format('GRANT "holdfast_app" TO %I', current_user);
  END IF;
EXCEPTION
  WHEN insufficient_privilege THEN RAISE NOTICE 'role holdfast_app was not created: %', SQLERRM;
  WHEN duplicate_object THEN NULL;
END $$;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'holdfast_app') THEN
    GRANT USAGE ON SCHEMA public TO "holdfast_app";
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "holdfast_app";
    GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO "holdfast_app";
    REVOKE UPDATE, DELETE, TRUNCATE ON "feed_commit", "feed_change", "audit" FROM "holdfast_app";
    -- Partitions are reached through their parents alone.
    EXECUTE (SELECT string_agg(format('REVOKE ALL ON %s FROM "holdfast_app"', inhrelid::regclass), '; ') FROM pg_inherits
      WHERE inhparent IN ('feed_commit'::regclass, 'feed_change'::regclass, 'audit'::regclass, 'sync_session'::regclass));
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO "holdfast_app";
  END IF;
END $$;
