-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateTable
CREATE TABLE "server_identity" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "epoch" UUID NOT NULL DEFAULT gen_random_uuid(),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "server_identity_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "device" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "platform" TEXT NOT NULL DEFAULT '',
    "app_version" TEXT NOT NULL DEFAULT '',
    "status" TEXT NOT NULL DEFAULT 'active',
    "token_hash" BYTEA NOT NULL,
    "scopes" TEXT[],
    "incarnation" UUID NOT NULL,
    "schema_version" INTEGER NOT NULL DEFAULT 1,
    "schema_versions" JSONB NOT NULL DEFAULT '{}',
    "resync_reason" TEXT,
    "enrollment_key_id" UUID,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "enrolled_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "device_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "device_health" (
    "device_id" UUID NOT NULL,
    "last_seen_at" TIMESTAMPTZ(3),
    "last_sync_at" TIMESTAMPTZ(3),
    "state" TEXT NOT NULL DEFAULT 'IDLE',
    "in_progress" BOOLEAN NOT NULL DEFAULT false,
    "pending" INTEGER NOT NULL DEFAULT 0,
    "pending_critical" INTEGER NOT NULL DEFAULT 0,
    "pending_bulk" INTEGER NOT NULL DEFAULT 0,
    "oldest_pending_at" TIMESTAMPTZ(3),
    "retries" INTEGER NOT NULL DEFAULT 0,
    "breaker" TEXT NOT NULL DEFAULT 'closed',
    "storage_bytes" BIGINT,
    "clock_skew_ms" BIGINT NOT NULL DEFAULT 0,
    "last_error_code" TEXT,
    "last_error_at" TIMESTAMPTZ(3),
    "acknowledged" JSONB NOT NULL DEFAULT '{}',

    CONSTRAINT "device_health_pkey" PRIMARY KEY ("device_id")
);

-- CreateTable
CREATE TABLE "device_stream" (
    "device_id" UUID NOT NULL,
    "incarnation" UUID NOT NULL,
    "last_seq" BIGINT NOT NULL DEFAULT 0,
    "revision" INTEGER NOT NULL DEFAULT 0,
    "last_hlc" TEXT NOT NULL DEFAULT '',
    "pruned_seq" BIGINT NOT NULL DEFAULT 0,
    "pruned_until" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "device_stream_pkey" PRIMARY KEY ("device_id","incarnation")
);

-- CreateTable
CREATE TABLE "stream_hole" (
    "device_id" UUID NOT NULL,
    "incarnation" UUID NOT NULL,
    "seq" BIGINT NOT NULL,
    "op_id" UUID,
    "table" TEXT,
    "scope" TEXT,
    "record_id" UUID,
    "saga_id" UUID,
    "code" TEXT NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 1,
    "first_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "stream_hole_pkey" PRIMARY KEY ("device_id","incarnation","seq")
);

-- CreateTable
CREATE TABLE "op_result" (
    "device_id" UUID NOT NULL,
    "incarnation" UUID NOT NULL,
    "seq" BIGINT NOT NULL,
    "op_id" UUID NOT NULL,
    "payload_hash" BYTEA NOT NULL,
    "kind" TEXT NOT NULL,
    "answer" TEXT NOT NULL,
    "scope" TEXT,
    "table" TEXT,
    "record_id" UUID,
    "version" INTEGER,
    "pushed" JSONB,
    "stands_on" INTEGER,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "op_result_pkey" PRIMARY KEY ("device_id","incarnation","seq")
);

-- CreateTable
CREATE TABLE "device_event" (
    "id" BIGSERIAL NOT NULL,
    "device_id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "kind" TEXT NOT NULL,
    "code" TEXT NOT NULL,
    "detail" TEXT NOT NULL DEFAULT '',

    CONSTRAINT "device_event_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "enrollment_key" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "name" TEXT NOT NULL,
    "key_hash" BYTEA NOT NULL,
    "scopes" TEXT[],
    "max_uses" INTEGER,
    "uses" INTEGER NOT NULL DEFAULT 0,
    "allow_reenroll" BOOLEAN NOT NULL DEFAULT true,
    "expires_at" TIMESTAMPTZ(3),
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "enrollment_key_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "record" (
    "scope" TEXT NOT NULL,
    "table" TEXT NOT NULL,
    "id" UUID NOT NULL,
    "version" INTEGER NOT NULL,
    "data" JSONB,
    "checksum" TEXT NOT NULL,
    "hlc" TEXT NOT NULL,
    "vector" JSONB NOT NULL DEFAULT '{}',
    "last_op_id" UUID,
    "last_device_id" UUID,
    "deleted" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "record_pkey" PRIMARY KEY ("scope","table","id")
);

-- CreateTable
CREATE TABLE "feed_head" (
    "scope" TEXT NOT NULL,
    "seq" BIGINT NOT NULL DEFAULT 0,
    "min_seq" BIGINT NOT NULL DEFAULT 0,
    "chain" BYTEA NOT NULL,

    CONSTRAINT "feed_head_pkey" PRIMARY KEY ("scope")
);

-- CreateTable
CREATE TABLE "table_policy" (
    "name" TEXT NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "policy" JSONB NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_by" TEXT NOT NULL,

    CONSTRAINT "table_policy_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "table_policy_version" (
    "name" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "policy" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "created_by" TEXT NOT NULL,

    CONSTRAINT "table_policy_version_pkey" PRIMARY KEY ("name","version")
);

-- CreateTable
CREATE TABLE "conflict" (
    "id" UUID NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'open',
    "code" TEXT NOT NULL,
    "scope" TEXT NOT NULL,
    "table" TEXT NOT NULL,
    "record_id" UUID NOT NULL,
    "device_id" UUID,
    "op_id" UUID NOT NULL,
    "later_op_ids" UUID[],
    "operation" TEXT NOT NULL,
    "to_scope" TEXT,
    "moved_from" TEXT,
    "fields" TEXT[],
    "base_version" INTEGER NOT NULL,
    "base_data" JSONB,
    "client_data" JSONB,
    "client_hlc" TEXT NOT NULL,
    "client_vector" JSONB NOT NULL,
    "server_version" INTEGER NOT NULL,
    "server_data" JSONB,
    "server_hlc" TEXT NOT NULL,
    "server_vector" JSONB NOT NULL,
    "server_device_id" UUID,
    "strategy" TEXT NOT NULL,
    "trace_id" TEXT,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "resolved_at" TIMESTAMPTZ(3),
    "resolved_by" TEXT,
    "choice" TEXT,
    "resolution" JSONB,
    "resolved_version" INTEGER,
    "reason" TEXT,

    CONSTRAINT "conflict_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "dead_letter" (
    "id" UUID NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'open',
    "source" TEXT NOT NULL DEFAULT 'server',
    "device_id" UUID,
    "incarnation" UUID,
    "seq" BIGINT,
    "op_id" UUID,
    "code" TEXT NOT NULL,
    "detail" TEXT NOT NULL,
    "pointers" TEXT[],
    "scope" TEXT,
    "table" TEXT,
    "record_id" UUID,
    "fingerprint" TEXT NOT NULL,
    "schema_version" INTEGER NOT NULL DEFAULT 1,
    "change" TEXT NOT NULL,
    "change_hash" BYTEA NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 1,
    "trace_id" TEXT,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "replay_op_id" UUID,
    "reason" TEXT,
    "closed_by" TEXT,
    "closed_at" TIMESTAMPTZ(3),

    CONSTRAINT "dead_letter_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "dead_letter_attempt" (
    "id" BIGSERIAL NOT NULL,
    "dead_letter_id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "actor" TEXT NOT NULL,
    "op_id" UUID,
    "outcome" TEXT NOT NULL,
    "code" TEXT,
    "detail" TEXT NOT NULL DEFAULT '',
    "change" TEXT,
    "trace_id" TEXT,

    CONSTRAINT "dead_letter_attempt_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "sync_trace" (
    "trace_id" TEXT NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "spans" JSONB NOT NULL,

    CONSTRAINT "sync_trace_pkey" PRIMARY KEY ("trace_id")
);

-- CreateTable
CREATE TABLE "sync_rollup" (
    "resolution" TEXT NOT NULL,
    "bucket" TIMESTAMPTZ(0) NOT NULL,
    "dimension" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "failures" INTEGER NOT NULL DEFAULT 0,
    "pushed" INTEGER NOT NULL DEFAULT 0,
    "accepted" INTEGER NOT NULL DEFAULT 0,
    "conflicts" INTEGER NOT NULL DEFAULT 0,
    "rejected" INTEGER NOT NULL DEFAULT 0,
    "pulled" INTEGER NOT NULL DEFAULT 0,
    "lag" INTEGER[],
    "duration" INTEGER[],
    "payload" INTEGER[],
    "max_lag_seconds" DOUBLE PRECISION,

    CONSTRAINT "sync_rollup_pkey" PRIMARY KEY ("resolution","bucket","dimension","key")
);

-- CreateTable
CREATE TABLE "fleet_rollup" (
    "bucket" TIMESTAMPTZ(0) NOT NULL,
    "scope" TEXT NOT NULL,
    "active" INTEGER NOT NULL,
    "syncing" INTEGER NOT NULL,
    "healthy" INTEGER NOT NULL,
    "warning" INTEGER NOT NULL,
    "critical" INTEGER NOT NULL,
    "paused" INTEGER NOT NULL,
    "revoked" INTEGER NOT NULL,
    "avg_lag_seconds" DOUBLE PRECISION,
    "p50_lag_seconds" DOUBLE PRECISION,
    "p95_lag_seconds" DOUBLE PRECISION,
    "max_lag_seconds" DOUBLE PRECISION,
    "pending_critical" INTEGER NOT NULL DEFAULT 0,
    "pending_normal" INTEGER NOT NULL DEFAULT 0,
    "pending_bulk" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "fleet_rollup_pkey" PRIMARY KEY ("bucket","scope")
);

-- CreateTable
CREATE TABLE "audit_head" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "last_id" BIGINT NOT NULL DEFAULT 0,
    "chain" BYTEA NOT NULL,

    CONSTRAINT "audit_head_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "user_account" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "email" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "password_hash" TEXT,
    "session_version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_sign_in_at" TIMESTAMPTZ(3),
    "disabled_at" TIMESTAMPTZ(3),

    CONSTRAINT "user_account_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_key" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "name" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "key_hash" BYTEA NOT NULL,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_key_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "idempotency_key" (
    "actor_id" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "request_hash" BYTEA NOT NULL,
    "status" INTEGER,
    "body" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "idempotency_key_pkey" PRIMARY KEY ("actor_id","key")
);

-- CreateTable
CREATE TABLE "rate_limit" (
    "key" TEXT NOT NULL,
    "points" INTEGER NOT NULL DEFAULT 0,
    "expire" BIGINT,

    CONSTRAINT "rate_limit_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "setting" (
    "key" TEXT NOT NULL,
    "value" JSONB NOT NULL,

    CONSTRAINT "setting_pkey" PRIMARY KEY ("key")
);

-- CreateIndex
CREATE UNIQUE INDEX "device_token_hash_key" ON "device"("token_hash");

-- CreateIndex
CREATE INDEX "device_name_id_idx" ON "device"("name", "id");

-- CreateIndex
CREATE UNIQUE INDEX "op_result_op_id_key" ON "op_result"("op_id");

-- CreateIndex
CREATE INDEX "device_event_device_id_id_idx" ON "device_event"("device_id", "id");

-- CreateIndex
CREATE INDEX "device_event_kind_id_idx" ON "device_event"("kind", "id");

-- CreateIndex
CREATE UNIQUE INDEX "device_event_device_id_at_kind_code_key" ON "device_event"("device_id", "at", "kind", "code");

-- CreateIndex
CREATE UNIQUE INDEX "enrollment_key_key_hash_key" ON "enrollment_key"("key_hash");

-- CreateIndex
CREATE INDEX "record_table_id_idx" ON "record"("table", "id");

-- CreateIndex
CREATE INDEX "conflict_state_created_at_id_idx" ON "conflict"("state", "created_at", "id");

-- CreateIndex
CREATE INDEX "conflict_record_id_state_idx" ON "conflict"("record_id", "state");

-- CreateIndex
CREATE INDEX "conflict_device_id_state_idx" ON "conflict"("device_id", "state");

-- CreateIndex
CREATE UNIQUE INDEX "dead_letter_change_hash_key" ON "dead_letter"("change_hash");

-- CreateIndex
CREATE INDEX "dead_letter_state_created_at_id_idx" ON "dead_letter"("state", "created_at", "id");

-- CreateIndex
CREATE INDEX "dead_letter_fingerprint_state_idx" ON "dead_letter"("fingerprint", "state");

-- CreateIndex
CREATE INDEX "dead_letter_device_id_created_at_idx" ON "dead_letter"("device_id", "created_at");

-- CreateIndex
CREATE INDEX "dead_letter_attempt_dead_letter_id_id_idx" ON "dead_letter_attempt"("dead_letter_id", "id");

-- CreateIndex
CREATE INDEX "sync_trace_started_at_idx" ON "sync_trace"("started_at");

-- CreateIndex
CREATE UNIQUE INDEX "user_account_email_key" ON "user_account"("email");

-- CreateIndex
CREATE UNIQUE INDEX "api_key_key_hash_key" ON "api_key"("key_hash");


