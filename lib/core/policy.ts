import type { CrdtTypeName } from './crdt/types.ts'
import type { Json, JsonObject } from './json.ts'

/** How concurrent edits of one record are settled. semantics.md tells what each keeps. */
export const strategies = ['lww', 'fww', 'manual', 'merge', 'ot', 'crdt'] as const
export type Strategy = (typeof strategies)[number]

/** What settles two different values of one field under `merge`. */
export const tiebreaks = ['manual', 'lww', 'client', 'server'] as const
export type Tiebreak = (typeof tiebreaks)[number]

/** What settles a delete against an update. */
export const deleteRules = ['manual', 'delete_wins', 'update_wins'] as const
export type DeleteRule = (typeof deleteRules)[number]

export const tablePriorities = ['critical', 'normal', 'bulk'] as const
export type TablePriority = (typeof tablePriorities)[number]

/**
 * Overrides the table's strategy for a field: `tiebreak` alone keeps the strategy and changes who wins.
 * `type` comes with the strategy `crdt`, and the field has no values but that type's.
 */
export type FieldPolicy = { strategy?: Strategy; tiebreak?: Tiebreak; type?: CrdtTypeName }

/** A CEL expression over `self` and `oldSelf` that must be true. */
export type BusinessRule = {
  rule: string
  /** What people read when it is not true; the rule itself where empty. */
  message: string
  /** Dotted path of the field to blame, for the pointer of the error; the whole record where empty. */
  field: string
}

/** One step that brings older data up by a schema version. Fields are named by dotted path. */
export type UpcastStep =
  | { rename: { [from: string]: string } }
  | { default: { [field: string]: Json } }
  | { drop: string[] }
  | { map: { [field: string]: { [value: string]: Json } } }

/** Everything the server knows about a table: how its edits are settled, what its records must be. */
export type TablePolicy = {
  name: string
  strategy: Strategy
  tiebreak: Tiebreak
  /** null: the strategy decides (`lww` by clock, `fww` by who was first). */
  on_delete: DeleteRule | null
  /** By top-level field or dotted path; the longest path that covers a field counts. */
  fields: { [path: string]: FieldPolicy }
  /** Dotted paths of arrays that are sets: merged by element, not as one value. */
  sets: string[]
  priority: TablePriority
  /** JSON Schema 2020-12 of a record's data; null allows any object. */
  schema: JsonObject | null
  schema_version: number
  /** By the version they start from: `"1"` holds the steps from 1 to 2. */
  upcasts: { [fromVersion: string]: UpcastStep[] }
  rules: BusinessRule[]
  retention_days: number
  /** UTF-8 bytes of the data as JSON. */
  max_record_bytes: number
}

/** 1 MiB: what a device is told at enrolment. A table may allow less. */
export const maxRecordBytes = 1_048_576

/** Days for which a deleted record and replaced versions can be read back; also the longest a device may be away. */
export const defaultRetentionDays = 90

/** A table's policy with everything left at its default. */
export function defaultPolicy(name: string, strategy: Strategy = 'merge'): TablePolicy {
  return {
    name,
    strategy,
    tiebreak: 'manual',
    on_delete: defaultDeleteRule(strategy),
    fields: {},
    sets: [],
    priority: 'normal',
    schema: null,
    schema_version: 1,
    upcasts: {},
    rules: [],
    retention_days: defaultRetentionDays,
    max_record_bytes: maxRecordBytes,
  }
}

/**
 * A person decides where people are asked anyway; the other strategies have an answer of their own. Under `crdt` there
 * are no conflicts, so what was added survives a removal that had not seen it.
 */
export function defaultDeleteRule(strategy: Strategy): DeleteRule | null {
  switch (strategy) {
    case 'manual':
    case 'merge':
    case 'ot':
      return 'manual'
    case 'crdt':
      return 'update_wins'
    case 'lww':
    case 'fww':
      return null
  }
}

/** The override that covers a field: its own, or that of the nearest field it lies in. */
export function fieldPolicy(policy: Pick<TablePolicy, 'fields'>, path: string): FieldPolicy | null {
  for (let at = path; ;) {
    if (Object.hasOwn(policy.fields, at)) return policy.fields[at] ?? null
    const dot = at.lastIndexOf('.')
    if (dot < 0) return null
    at = at.slice(0, dot)
  }
}

/** The strategy that a place is settled by: its override's, else the table's. */
export function strategyAt(policy: Pick<TablePolicy, 'strategy' | 'fields'>, path: string): Strategy {
  return fieldPolicy(policy, path)?.strategy ?? policy.strategy
}

/** Whether anything in the table is settled by a strategy. */
export function usesStrategy(policy: Pick<TablePolicy, 'strategy' | 'fields'>, strategy: Strategy): boolean {
  return (
    policy.strategy === strategy || Object.values(policy.fields).some((field) => field.strategy === strategy)
  )
}
