import type { JsonObject } from '#lib/core/json.ts'
import type { TablePolicy } from '#lib/core/policy.ts'
import { database, type Queryable } from '../db.ts'
import { Prisma } from '../generated/prisma/client.ts'

export type PolicyRow = {
  name: string
  version: number
  policy: unknown
  updatedAt: Date
  updatedBy: string
}

const columns = Prisma.sql`name, version, policy, updated_at AS "updatedAt", updated_by AS "updatedBy"`

export function selectPolicies(db: Queryable, names: readonly string[]): Promise<PolicyRow[]> {
  return db.$queryRaw<PolicyRow[]>`
    SELECT ${columns} FROM table_policy WHERE name = ANY(${[...names]}) ORDER BY name`
}

/** The schema that a table last had at an older schema version. */
export type OlderSchema = { schema_version: number; schema: JsonObject | null }

/** The same, each with the schemas of its older versions, the newest twenty. */
export function selectPoliciesWithOlder(
  db: Queryable,
  names: readonly string[],
): Promise<(PolicyRow & { older: OlderSchema[] | null })[]> {
  return db.$queryRaw<(PolicyRow & { older: OlderSchema[] | null })[]>`
    SELECT ${columns}, (
      SELECT jsonb_agg(o) FROM (
        SELECT DISTINCT ON (coalesce((v.policy->>'schema_version')::int, 1))
          coalesce((v.policy->>'schema_version')::int, 1) AS schema_version, v.policy->'schema' AS schema
        FROM table_policy_version v
        WHERE v.name = t.name AND (v.policy->>'schema_version')::int < (t.policy->>'schema_version')::int
        ORDER BY 1 DESC, v.version DESC LIMIT 20
      ) o
    ) AS older
    FROM table_policy t WHERE t.name = ANY(${[...names]}) ORDER BY t.name`
}

/** In the order of their names; `after` is the last name of the page before. */
export async function selectTables(
  filter: { q?: string | undefined },
  page: { limit: number; after: string | null },
): Promise<{ rows: PolicyRow[]; total: number }> {
  const matching = filter.q ? Prisma.sql`strpos(lower(name), lower(${filter.q})) > 0` : Prisma.sql`true`
  const after = page.after === null ? Prisma.empty : Prisma.sql`AND name > ${page.after}`
  const [rows, counted] = await Promise.all([
    database().$queryRaw<PolicyRow[]>`
      SELECT ${columns} FROM table_policy WHERE ${matching} ${after} ORDER BY name LIMIT ${page.limit}`,
    database().$queryRaw<{ total: bigint }[]>`SELECT count(*) AS total FROM table_policy WHERE ${matching}`,
  ])
  return { rows, total: Number(counted[0]?.total ?? 0) }
}

export type PolicyVersionRow = { version: number; policy: unknown; createdAt: Date; createdBy: string }

/** Newest first. */
export function selectPolicyVersions(name: string, limit: number): Promise<PolicyVersionRow[]> {
  return database().$queryRaw<PolicyVersionRow[]>`
    SELECT version, policy, created_at AS "createdAt", created_by AS "createdBy"
    FROM table_policy_version WHERE name = ${name} ORDER BY version DESC LIMIT ${limit}`
}

/** Makes the table at version 1. @returns null where there is one of this name already */
export async function insertPolicy(
  db: Queryable,
  policy: TablePolicy,
  by: string,
): Promise<PolicyRow | null> {
  const [row] = await db.$queryRaw<PolicyRow[]>`
    WITH made AS (
      INSERT INTO table_policy (name, policy, updated_by) VALUES (${policy.name}, ${JSON.stringify(policy)}::jsonb, ${by})
      ON CONFLICT DO NOTHING RETURNING *
    ), kept AS (
      INSERT INTO table_policy_version (name, version, policy, created_by)
      SELECT name, version, policy, updated_by FROM made
    )
    SELECT ${columns} FROM made`
  return row ?? null
}

/** Holds the row until the transaction ends. */
export async function lockPolicy(db: Queryable, name: string): Promise<PolicyRow | null> {
  const [row] = await db.$queryRaw<
    PolicyRow[]
  >`SELECT ${columns} FROM table_policy WHERE name = ${name} FOR UPDATE`
  return row ?? null
}

export async function updatePolicy(db: Queryable, policy: TablePolicy, by: string): Promise<PolicyRow> {
  const [row] = await db.$queryRaw<PolicyRow[]>`
    WITH changed AS (
      UPDATE table_policy SET policy = ${JSON.stringify(policy)}::jsonb, version = version + 1,
        updated_at = now(), updated_by = ${by}
      WHERE name = ${policy.name} RETURNING *
    ), kept AS (
      INSERT INTO table_policy_version (name, version, policy, created_by)
      SELECT name, version, policy, updated_by FROM changed
    )
    SELECT ${columns} FROM changed`
  return row!
}
