import type { Check, Finding } from './finding.ts'
import type { Ask, Place } from './store.ts'

/** What must hold between tables. The statement finds the rows for which it does not. */
export type Rule = { check: Check; detail: string; sql: string }

/** SQL: since when the log of a checkpoint's scope is whole. What is older may have been compacted away. */
export const wholeSince = (checkpoint: string) =>
  `coalesce((SELECT min(w.committed_at) FROM feed_commit w WHERE w.scope = ${checkpoint}.scope AND w.seq > ${checkpoint}.seq), ${checkpoint}.created_at)`

const mostPerRule = 1_000

/** Where these rules do not hold. */
export async function* broken(ask: Ask, rules: readonly Rule[]): AsyncGenerator<Finding> {
  for (const { check, detail, sql } of rules) {
    for (const place of await ask<Place>(`${sql} LIMIT ${mostPerRule}`)) {
      yield { check, ...withoutNulls(place), detail }
    }
  }
}

function withoutNulls(place: Place): Place {
  return Object.fromEntries(Object.entries(place).filter(([, value]) => value !== null))
}
