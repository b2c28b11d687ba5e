import { isCrdt } from '#lib/core/crdt/types.ts'
import type { JsonObject } from '#lib/core/json.ts'
import { defaultPolicy, type TablePolicy } from '#lib/core/policy.ts'

/** Tables whose fields are edited by what they are: counted, added to, written in. */
export const fieldTables = ['tallies', 'reports', 'jobs'] as const
export type FieldTable = (typeof fieldTables)[number]

/** A table of CRDTs, one of texts, and one where two fields alone are such. */
export function fieldPolicies(): TablePolicy[] {
  return [
    { ...defaultPolicy('tallies', 'crdt'), tiebreak: 'lww' },
    { ...defaultPolicy('reports', 'ot'), tiebreak: 'lww' },
    {
      ...defaultPolicy('jobs', 'merge'),
      fields: {
        stock: { strategy: 'crdt', type: 'pn-counter' },
        marks: { strategy: 'crdt', type: 'g-set' },
        status: { strategy: 'crdt', type: 'lww-register' },
        body: { strategy: 'ot' },
      },
    },
  ]
}

/** The field that is a plain text, in tables that have one. */
export const bodyOf = (table: string): string | null =>
  table === 'reports' || table === 'jobs' ? 'body' : null

/** What is left of a record where all that merges by what it is has been taken out. */
export function withoutMerging(table: string, data: JsonObject): JsonObject {
  const merges = (name: string) => {
    const value = data[name]
    return isCrdt(value) || name === bodyOf(table) || (table === 'reports' && typeof value === 'string')
  }
  return Object.fromEntries(Object.entries(data).filter(([name]) => !merges(name)))
}
