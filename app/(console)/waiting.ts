import type { WaitingCounts } from '#components/shell/navigation.ts'
import type { Actor } from '#lib/server/actor.ts'
import { listConflicts } from '#lib/server/conflicts/list.ts'
import { listDeadLetters } from '#lib/server/dead-letters/list.ts'
import { listSagas } from '#lib/server/sagas/list.ts'

/** How much waits for a person, for the navigation. */
export async function countWaiting(actor: Actor): Promise<WaitingCounts> {
  const [conflicts, deadLetters, sagas] = await Promise.all([
    listConflicts(actor, { state: 'open', limit: 1 }),
    listDeadLetters(actor, { state: 'open', limit: 1 }),
    listSagas(actor, { state: 'stuck', limit: 1 }),
  ])
  return { conflicts: conflicts.total, deadLetters: deadLetters.total, sagas: sagas.total }
}
