import type { ChangeRow, ResultRow } from '../../model/tables.ts'

/** A state of a record, as the log tells it. */
export type Told = ChangeRow & { feedSeq: number; actorKind: string }

/** A record's key, for people. */
export const label = (key: string): string => key.split('\u0001').join('/')

/** Where the record is that was answered for: a move that lost, or that waits for a person, was not made. */
export function placeOf(
  { scope, answer }: ResultRow,
  { fromScope }: { fromScope?: string | null },
): string | null {
  const told = JSON.parse(answer) as { outcome?: string; conflict_id?: unknown; scope?: string }
  const isUnmoved = told.outcome === 'superseded' || 'conflict_id' in told
  return isUnmoved && fromScope != null ? (told.scope ?? fromScope) : scope
}
