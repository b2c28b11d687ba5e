import type { JsonObject } from '#lib/core/json.ts'
import { registerRecordId, type Merge } from '../merges.ts'
import { REGISTER_TABLES } from './tables.ts'

/** An edit somebody really made: what they had before them, and what they made of it; null for a delete. */
export interface RealEdit {
  readonly before: JsonObject
  readonly after: JsonObject | null
}

/** One record of the register, as the fleet knows it from the sample. */
export interface RegisterRecord {
  readonly table: string
  readonly id: string
  readonly scope: string
  /** The state it starts in; for a record that somebody created later, the state it was created in. */
  readonly first: JsonObject
  /** Whether it is there from the beginning. */
  readonly isInitial: boolean
  /** The edits people made to it, oldest first. */
  readonly edits: readonly RealEdit[]
}

/** The records of the fleet's tables, spread over the regions. */
export function buildRegister(merges: readonly Merge[], scopes: number): readonly RegisterRecord[] {
  const found = new Map<string, { first: JsonObject; isInitial: boolean; edits: RealEdit[] } & Key>()
  for (const { records } of merges) {
    for (const record of records) {
      if (!(record.table in REGISTER_TABLES)) continue
      const id = registerRecordId(record)
      const known = found.get(id)
      const first = record.base ?? record.ours ?? record.theirs
      if (!known && !first) continue
      const entry = known ?? {
        table: record.table,
        id,
        first: first ?? {},
        isInitial: record.base !== null,
        edits: [],
      }
      found.set(id, entry)
      const after = record.changed === 'theirs' ? record.theirs : record.ours
      if (record.base) entry.edits.push({ before: record.base, after })
    }
  }
  // A random UUID's first digits are as good as a die, and the same in every run.
  return [...found.values()].map((entry) => ({
    ...entry,
    scope: `region-${(parseInt(entry.id.slice(0, 8), 16) % scopes) + 1}`,
  }))
}

interface Key {
  readonly table: string
  readonly id: string
}
