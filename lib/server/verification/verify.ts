import { verifyAnswers } from './answers.ts'
import { verifyAuditChain } from './audit.ts'
import { findFaults } from './faults-store.ts'
import type { Finding } from './finding.ts'
import { verifyLog } from './log.ts'
import { verifyPayloads } from './payloads.ts'
import { findSagaFaults } from './saga-rules-store.ts'
import { verifySteps } from './saga-steps.ts'
import {
  selectBrokenPositions,
  selectOrphans,
  selectScopes,
  streamDifferences,
  type Ask,
  type Difference,
} from './store.ts'

export type Progress = { phase: string; commits: number; scopes: number; ofScopes: number }

/**
 * Verifies that the fold of the log is what the tables hold, byte for byte, and that nothing in log, checkpoints, answers,
 * conflicts, dead letters and audit was changed since it was written (AuditReplay, DLQConserve). In memory that does not
 * grow with what is there.
 * @param ask runs statements in one view of the database: a repeatable-read transaction
 * @param options.scope this scope's log and records alone
 * @param options.secret signs checkpoints
 */
export async function* verifyData(
  ask: Ask,
  options: { scope?: string | undefined; secret: string; onProgress?: (progress: Progress) => void },
): AsyncGenerator<Finding> {
  const only = options.scope ?? null
  const scopes = await selectScopes(ask, only)
  const progress: Progress = { phase: 'log', commits: 0, scopes: 0, ofScopes: scopes.length }
  const tell = (more: Partial<Progress>) => options.onProgress?.(Object.assign(progress, more))

  for (const { batch, ...place } of await selectOrphans(ask, only)) {
    yield { check: 'feed', ...place, detail: `a change of batch ${batch}, and no commit of it` }
  }
  for (const head of scopes) {
    tell({ phase: `log of ${head.scope}` })
    yield* verifyLog(ask, head, {
      secret: options.secret,
      progress: (commits) => tell({ commits: progress.commits + commits }),
    })
    tell({ phase: `records of ${head.scope}` })
    yield* verifyRecords(ask, head.scope)
    tell({ scopes: progress.scopes + 1 })
  }
  if (only !== null) return
  for (const { batch, ...place } of await selectBrokenPositions(ask)) {
    yield { check: 'feed', ...place, detail: `batch ${batch} shares its position, or has two` }
  }
  tell({ phase: 'answers' })
  yield* verifyAnswers(ask)
  yield* verifyPayloads(ask)
  tell({ phase: 'conflicts and dead letters' })
  yield* findFaults(ask)
  tell({ phase: 'sagas' })
  yield* findSagaFaults(ask)
  yield* verifySteps(ask)
  tell({ phase: 'audit' })
  yield* verifyAuditChain(ask)
}

async function* verifyRecords(ask: Ask, scope: string): AsyncGenerator<Finding> {
  for await (const rows of streamDifferences(ask, scope)) {
    for (const difference of rows) yield recordFinding(scope, difference)
  }
}

/** A record that is not the fold of its log. */
export function recordFinding(
  scope: string,
  { table, record_id, fields, seq, ordinal }: Difference,
): Finding {
  const place = { ...(seq !== null && { seq }), ...(ordinal !== null && { ordinal }) }
  return { check: 'records', scope, table, record_id, ...place, detail: recordDetail(fields) }
}

function recordDetail(fields: readonly string[]): string {
  switch (fields[0]) {
    case 'missing':
      return 'the log has this record, the table has not'
    case 'extra':
      return 'the table has this record, the log has not'
    default:
      return `not what the log says: ${fields.join(', ')}`
  }
}
