import type { WaitingCounts } from '#components/shell/navigation.ts'
import type { Actor } from '#lib/server/actor.ts'
import { listConflicts } from '#lib/server/conflicts/list.ts'
import { listDeadLetters } from '#lib/server/dead-letters/list.ts'

/** How much waits for a person, for the navigation. */
export async function countWaiting(actor: Actor): Promise<WaitingCounts> {
  const [conflicts, deadLetters] = await Promise.all([
    listConflicts(actor, { state: 'open', limit: 1 }),
    listDeadLetters(actor, { state: 'open', limit: 1 }),
  ])
  return { conflicts: conflicts.total, deadLetters: deadLetters.total }
}
