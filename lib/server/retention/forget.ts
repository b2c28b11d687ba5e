import { systemActor } from '../actor.ts'
import { appendAudit } from '../audit/append.ts'
import { database, type Database } from '../db.ts'
import { pruneAnswers, type Ask } from './store.ts'

/** As many in one transaction as are gone in a fraction of a second. */
const batch = 5_000

/**
 * Forgets the first answers of operations that are older than any device may be away. What comes again after that
 * begins a new life of its device, is refused there as `answer_expired` and kept as a dead letter: nobody can tell any more
 * whether it was taken
 * (docs/decisions/2026-11-22-what-time-takes.md). Ended at any point it goes on from there the next time.
 * @returns how many went
 */
export async function forgetAnswers(ask: Ask, db: Database = database()): Promise<number> {
  let answers = 0
  for (let gone = 1; gone > 0;) {
    gone = (await pruneAnswers(ask, batch)).answers
    answers += gone
  }
  if (answers > 0) {
    await appendAudit(db, [
      {
        ...{
          actor: systemActor('retention'),
          action: 'answers.forget',
          target: 'server',
          targetId: 'op_result',
        },
        after: { answers },
      },
    ])
  }
  return answers
}
