import type { Queryable } from '../db.ts'

export type PolicyRow = {
  name: string
  version: number
  policy: unknown
  updatedAt: Date
  updatedBy: string
}

export function selectPolicies(db: Queryable, names: readonly string[]): Promise<PolicyRow[]> {
  return db.$queryRaw<PolicyRow[]>`
    SELECT name, version, policy, updated_at AS "updatedAt", updated_by AS "updatedBy"
    FROM table_policy WHERE name = ANY(${[...names]}) ORDER BY name`
}
