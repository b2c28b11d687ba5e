import { verifyLog } from './log.ts'
import type { Finding } from './finding.ts'
import { rebuildRecords, selectScopes, streamDifferences, type Ask } from './store.ts'
import { recordFinding } from './verify.ts'

/** Each batch is a transaction of its own, and holds its records' locks for as long as it takes. */
const batchRecords = 500

export type Rebuilt = { scopes: number; differing: number; replaced: number; refused: number }

/**
 * Folds the log into `record` again, where the two differ. What is replaced is kept in `record_replaced` under the run's
 * id, and told in the audit. A scope whose log is itself not as it was written is left alone: nobody can tell which of the
 * two is right. It may run while the server does, and be ended at any point.
 * @param look one view of the database: a repeatable-read transaction
 * @param write another connection, without a transaction
 */
export async function* rebuild(
  { look, write }: { look: Ask; write: Ask },
  options: { scope?: string | undefined; secret: string; run: string; isDryRun: boolean },
): AsyncGenerator<Finding, Rebuilt> {
  const done: Rebuilt = { scopes: 0, differing: 0, replaced: 0, refused: 0 }
  for (const head of await selectScopes(look, options.scope ?? null)) {
    const { scope } = head
    done.scopes++
    let isSound = true
    for await (const finding of verifyLog(look, head, { secret: options.secret, progress: () => {} })) {
      isSound = false
      yield finding
    }
    if (!isSound) {
      done.refused++
      continue
    }
    for await (const differences of streamDifferences(look, scope)) {
      done.differing += differences.length
      for (const difference of differences) yield recordFinding(scope, difference)
      if (options.isDryRun) continue
      for (let at = 0; at < differences.length; at += batchRecords) {
        const keys = differences
          .slice(at, at + batchRecords)
          .map(({ table, record_id }) => ({ table, id: record_id }))
        done.replaced += await rebuildRecords(write, scope, keys, options.run)
      }
    }
  }
  return done
}
