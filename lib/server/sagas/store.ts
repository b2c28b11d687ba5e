import type { Json } from '#lib/core/json.ts'
import type { SagaItem, SagaStepView } from '#lib/protocol/sagas.ts'
import { database } from '../db.ts'
import { Prisma } from '../generated/prisma/client.ts'

type Times = 'started_at' | 'progressed_at' | 'ended_at'

/** A saga as lists show it: times are still dates. */
export type SagaItemRow = Omit<SagaItem, Times> & {
  started_at: Date
  progressed_at: Date
  ended_at: Date | null
}
export type WholeSaga = SagaItemRow & {
  reason: string | null
  trace_id: string | null
  device_scopes: string[] | null
}

export type SagaFilter = {
  state?: string | undefined
  device_id?: string | undefined
  table?: string | undefined
  scope?: string | undefined
  /** Began before. */
  before: Date | null
}

const listed = Prisma.sql`g.id, g.state, g.device_id, d.name AS device_name, g.steps, g.applied, g.to_undo, g.blocked,
  g.cause, g.failed_step, g.failed_code, g.tables, g.scopes, g.started_at, g.progressed_at, g.ended_at, g.retry_of,
  g.retried_as, g.revision AS version`

function matching(filter: SagaFilter): Prisma.Sql {
  const parts = [Prisma.sql`true`]
  if (filter.state === 'open') parts.push(Prisma.sql`g.state IN ('running', 'compensating', 'stuck')`)
  else if (filter.state) parts.push(Prisma.sql`g.state = ${filter.state}`)
  if (filter.device_id) parts.push(Prisma.sql`g.device_id = ${filter.device_id}::uuid`)
  if (filter.table) parts.push(Prisma.sql`${filter.table} = ANY (g.tables)`)
  if (filter.scope) parts.push(Prisma.sql`${filter.scope} = ANY (g.scopes)`)
  if (filter.before) parts.push(Prisma.sql`g.started_at <= ${filter.before}`)
  return Prisma.join(parts, ' AND ')
}

/** Newest or oldest first; `after` is the last row of the page before. */
export async function selectSagas(
  filter: SagaFilter,
  page: { limit: number; oldestFirst: boolean; after: { startedAt: string; id: string } | null },
): Promise<{ rows: SagaItemRow[]; total: number }> {
  const order = page.oldestFirst ? Prisma.sql`ASC` : Prisma.sql`DESC`
  const beyond = page.oldestFirst ? Prisma.sql`>` : Prisma.sql`<`
  const after = page.after
    ? Prisma.sql`AND (g.started_at, g.id) ${beyond} (${page.after.startedAt}::timestamptz, ${page.after.id}::uuid)`
    : Prisma.empty
  const [rows, counted] = await Promise.all([
    database().$queryRaw<SagaItemRow[]>`
      SELECT ${listed} FROM saga g LEFT JOIN device d ON d.id = g.device_id WHERE ${matching(filter)} ${after}
      ORDER BY g.started_at ${order}, g.id ${order} LIMIT ${page.limit}`,
    database().$queryRaw<{ total: bigint }[]>`SELECT count(*) AS total FROM saga g WHERE ${matching(filter)}`,
  ])
  return { rows, total: Number(counted[0]?.total ?? 0) }
}

export async function selectSaga(id: string): Promise<WholeSaga | null> {
  const [row] = await database().$queryRaw<WholeSaga[]>`
    SELECT ${listed}, g.reason, g.trace_id, d.scopes AS device_scopes
    FROM saga g LEFT JOIN device d ON d.id = g.device_id WHERE g.id = ${id}::uuid`
  return row ?? null
}

export type StepRow = Omit<SagaStepView, 'change' | 'at' | 'undo' | 'outcome' | 'state'> & {
  state: 'applied' | 'failed' | 'aborted'
  outcome: string
  change: string
  schema_version: number
  at: Date
  undo: NonNullable<SagaStepView['undo']>['outcome'] | null
  undo_op_id: string | null
  undo_version: number | null
  undo_conflict_id: string | null
  undo_detail: string | null
  undone_at: Date | null
}

/** In order. */
export function selectSteps(id: string): Promise<StepRow[]> {
  return database().$queryRaw<StepRow[]>`
    SELECT t.step, t.state, t.outcome, t.op_id, t.scope, t.from_scope, t."table", t.record_id, t.operation,
      t.before_version, t.after_version, t.change, t.schema_version, t.conflict_id, t.dead_letter_id, t.trace_id, t.at,
      t.undo, t.undo_op_id, t.undo_version, t.undo_conflict_id, t.undo_detail, t.undone_at, l.detail
    FROM saga_step t LEFT JOIN dead_letter l ON l.id = t.dead_letter_id
    WHERE t.saga_id = ${id}::uuid ORDER BY t.step`
}

export async function selectSetting(key: string): Promise<Json | undefined> {
  const [row] = await database().$queryRaw<{ value: Json }[]>`SELECT value FROM setting WHERE key = ${key}`
  return row?.value
}

/** @returns how many went */
export async function deleteEndedSagas(days: number): Promise<number> {
  const gone = await database().$queryRaw<unknown[]>`
    WITH gone AS (
      DELETE FROM saga WHERE state IN ('completed', 'compensated')
        AND progressed_at < now() - make_interval(days => ${days}) RETURNING id
    ), steps AS (DELETE FROM saga_step t USING gone WHERE t.saga_id = gone.id)
    SELECT id FROM gone`
  return gone.length
}
