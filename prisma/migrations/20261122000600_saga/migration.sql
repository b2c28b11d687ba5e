-- Business transactions of devices over several changes, and their steps. push_load and push_commit read and write them
-- with the changes themselves.

-- CreateTable
CREATE TABLE "saga" (
    "id" UUID NOT NULL,
    "device_id" UUID NOT NULL,
    "state" TEXT NOT NULL,
    "steps" INTEGER NOT NULL,
    "applied" INTEGER NOT NULL,
    "to_undo" INTEGER NOT NULL,
    "blocked" INTEGER NOT NULL,
    "cause" TEXT,
    "failed_step" INTEGER,
    "failed_code" TEXT,
    "reason" TEXT,
    "tables" TEXT[],
    "scopes" TEXT[],
    "retry_of" UUID,
    "retried_as" UUID,
    "trace_id" TEXT,
    "revision" INTEGER NOT NULL DEFAULT 1,
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "progressed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "saga_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "saga_step" (
    "saga_id" UUID NOT NULL,
    "step" INTEGER NOT NULL,
    "state" TEXT NOT NULL,
    "outcome" TEXT NOT NULL,
    "op_id" UUID,
    "seq" BIGINT,
    "scope" TEXT,
    "from_scope" TEXT,
    "table" TEXT,
    "record_id" UUID,
    "operation" TEXT,
    "before_version" INTEGER,
    "after_version" INTEGER,
    "change" TEXT NOT NULL,
    "schema_version" INTEGER NOT NULL,
    "conflict_id" UUID,
    "dead_letter_id" UUID,
    "trace_id" TEXT,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "undo" TEXT,
    "undo_op_id" UUID,
    "undo_version" INTEGER,
    "undo_conflict_id" UUID,
    "undo_detail" TEXT,
    "undone_at" TIMESTAMPTZ(3),

    CONSTRAINT "saga_step_pkey" PRIMARY KEY ("saga_id","step")
);

-- CreateIndex
CREATE INDEX "saga_state_progressed_at_id_idx" ON "saga"("state", "progressed_at", "id");

-- CreateIndex
CREATE INDEX "saga_started_at_id_idx" ON "saga"("started_at", "id");

-- CreateIndex
CREATE INDEX "saga_device_id_started_at_id_idx" ON "saga"("device_id", "started_at", "id");

-- CreateIndex
CREATE INDEX "saga_step_conflict_id_idx" ON "saga_step"("conflict_id");

-- CreateIndex
CREATE INDEX "saga_step_undo_conflict_id_idx" ON "saga_step"("undo_conflict_id");

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'holdfast_app') THEN
    GRANT SELECT, INSERT, UPDATE, DELETE ON "saga", "saga_step" TO "holdfast_app";
  END IF;
END $$;
