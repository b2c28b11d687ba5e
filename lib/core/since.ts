import { fieldChanges } from './field-diff.ts'
import type { JsonObject } from './json.ts'
import { parsePath, type Path } from './merge.ts'
import type { TablePolicy } from './policy.ts'
import type { TextEdits } from './text/fields.ts'

/** When the writers of a version's changed fields wrote them, by dotted path. */
export type FieldStamps = { [path: string]: string }

/** What one version made of the one before it, as far as it was kept. */
export type VersionTrace = {
  version: number
  hlc: string
  /** null: not kept, and any field may have been written. */
  fieldStamps: FieldStamps | null
  /** null: not kept. */
  textEdits: TextEdits | null
}

/** What happened to a record since the state that an edit was made on. */
export type Since = {
  /** From the version after that state to the current one, oldest first; null where some are missing. */
  versions: readonly VersionTrace[] | null
  /** From the state that was edited to the current one; null where some are missing. */
  textEdits: readonly TextEdits[] | null
}

/**
 * Whether a single field may be settled by the clock. Then the log keeps when each field was written: the record's own
 * stamp is that of its last writer, whichever field that was.
 */
export function needsFieldStamps(policy: Pick<TablePolicy, 'strategy' | 'tiebreak' | 'fields'>): boolean {
  const fields = Object.values(policy.fields)
  const merges = policy.strategy === 'merge' || policy.strategy === 'ot' || policy.strategy === 'crdt'
  return (
    (merges && policy.tiebreak === 'lww') ||
    (policy.strategy === 'lww' && fields.length > 0) ||
    fields.some(
      ({ strategy, tiebreak }) => strategy === 'lww' || tiebreak === 'lww' || policy.tiebreak === 'lww',
    )
  )
}

/** The stamps of the fields in which two states differ. */
export function stampChanges(before: JsonObject, after: JsonObject, hlc: string): FieldStamps {
  return Object.fromEntries(fieldChanges(before, after).map(({ path }) => [path, hlc]))
}

/**
 * When the newest of the places that `touches` was written since; null where that is not known to be another time than
 * the record's own.
 */
export function stampSince(since: Since | undefined, touches: (path: Path) => boolean): string | null {
  for (const { hlc, fieldStamps } of (since?.versions ?? []).toReversed()) {
    if (fieldStamps === null) return hlc
    const stamps = Object.entries(fieldStamps).flatMap(([path, at]) => (touches(parsePath(path)) ? [at] : []))
    if (stamps.length > 0) return stamps.reduce((newest, at) => (at > newest ? at : newest))
  }
  return null
}

/** Whether one place lies in the other. */
export function overlaps(a: Path, b: Path): boolean {
  return a.every((name, depth) => depth >= b.length || name === b[depth])
}
