import { z } from 'zod'
import { AppError } from '#lib/protocol/errors.ts'
import type { Table, TableVersion } from '#lib/protocol/tables.ts'
import type { JsonObject } from '#lib/core/json.ts'
import { upcastWarnings } from '#lib/core/upcast.ts'
import { authorise, type Actor } from '../actor.ts'
import { database } from '../db.ts'
import { decodeCursor, encodeCursor, pageQuery, type Page } from '../list/page.ts'
import { storedPolicy } from './policy-cache.ts'
import { selectPolicies, selectPolicyVersions, selectTables, type PolicyRow } from './store.ts'

export const tablesQuerySchema = z.object({ ...pageQuery, q: z.string().max(200).optional() })
export const tableQuerySchema = z.object({ include: z.enum(['versions', 'reach']).optional() })

/** The tables and their policies, by name. */
export async function listTables(
  actor: Actor,
  query: z.input<typeof tablesQuerySchema>,
): Promise<Page<Table>> {
  authorise(actor, 'viewer')
  const { limit, cursor, q } = tablesQuerySchema.parse(query)
  const after = decodeCursor(cursor, z.tuple([z.string()]))?.[0] ?? null
  const { rows, total } = await selectTables({ q }, { limit: limit + 1, after })
  const items = rows.slice(0, limit).map(toTable)
  const last = items.at(-1)
  return { items, next_cursor: rows.length > limit && last ? encodeCursor([last.name]) : null, total }
}

/** @throws AppError `not_found` */
export async function getTable(actor: Actor, name: string): Promise<Table> {
  authorise(actor, 'viewer')
  const [row] = await selectPolicies(database(), [name])
  if (!row) throw new AppError('not_found', `There is no table ${name}. PUT a policy to make it.`)
  return toTable(row)
}

/** The policy as it was over time, newest first. */
export async function listTableVersions(actor: Actor, name: string): Promise<TableVersion[]> {
  authorise(actor, 'viewer')
  const rows = await selectPolicyVersions(name, 100)
  return rows.map((row) => ({
    version: row.version,
    policy: row.policy as JsonObject,
    created_at: row.createdAt.toISOString(),
    created_by: row.createdBy,
  }))
}

export function toTable(row: PolicyRow): Table {
  const policy = storedPolicy(row)
  return {
    ...policy,
    warnings: upcastWarnings(policy),
    version: row.version,
    updated_at: row.updatedAt.toISOString(),
    updated_by: row.updatedBy,
  }
}
