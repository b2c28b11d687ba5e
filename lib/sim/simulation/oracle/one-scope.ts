import { recordKey, type Tables } from '../../model/tables.ts'
import type { Ledger } from './ledger.ts'
import { label, type Told } from './told.ts'

/** A record that came to life in a scope that it had left. */
export type Revival = { key: string; told: Told; leftFor: string }

type Histories = ReadonlyMap<string, readonly Told[]>

/** The scope that a record left this one for, where it has not come here since, be it to be deleted. */
export function leftFor(history: readonly Told[] | undefined): string | null {
  const last = history?.findLast(
    ({ effect, rule }) => effect !== 'DELETE' || rule['moved_from'] !== undefined,
  )
  const scope = last?.effect === 'LEAVE' ? last.rule['moved_to'] : null
  return typeof scope === 'string' ? scope : null
}

/** What moved lives in one scope alone, once a transaction is whole: nothing brings it back where it left beside itself. */
export function checkOneScope(
  { check }: Ledger,
  histories: Histories,
  tables: Tables,
  revivals: readonly Revival[],
): void {
  const isAlive = (key: string) => tables.get('records', key)?.deleted === false
  for (const { key, told, leftFor: first } of revivals) {
    const { table, record_id: id, operation, actorKind, op_id: opId, dead_letter_id: letter } = told
    // What a person writes in a place is meant for that place; what they replay is its device's.
    if (!isAlive(key) || (actorKind === 'person' && letter === null)) continue
    for (let scope: string | null = first; scope !== null;) {
      const there = recordKey(scope, table, id)
      check(
        'OneScope',
        !isAlive(there),
        () =>
          `${label(key)} was brought back by ${operation} ${opId} of a ${actorKind}, and is ${label(there)}`,
      )
      scope = leftFor(histories.get(there))
    }
  }
}
