import { rejectionCodes, type RejectionCode } from '#lib/protocol/sync.ts'
import type { SyncCounts, TableCounts } from '../syncs/session.ts'
import type { Answer } from './batch.ts'

/** What became of a request's changes, and how many it fetched. */
export function countAnswers(answers: readonly Answer[], pulled: number): SyncCounts {
  const count = (test: (answer: Answer) => boolean) => answers.filter(test).length
  return {
    pushed: answers.length,
    applied: count(({ outcome }) => outcome === 'applied'),
    merged: count(({ outcome }) => outcome === 'merged'),
    superseded: count(({ outcome }) => outcome === 'superseded'),
    noChange: count(({ outcome }) => outcome === 'no_change'),
    conflicts: count(({ kind }) => kind === 'conflict'),
    rejected: count(({ kind }) => kind === 'rejected'),
    replayed: count(({ replayed }) => replayed),
    pulled,
    settled: count(({ code }) => !comesAgain(code)),
  }
}

function comesAgain(code: string | null): boolean {
  return code !== null && code in rejectionCodes && rejectionCodes[code as RejectionCode].retryable
}

/** The same by table, whatever a device calls one: `__proto__` of an object would be what all objects inherit. */
export function countTables(answers: readonly Answer[]): Record<string, TableCounts> {
  const tables = new Map<string, TableCounts>()
  for (const { table, kind, strategy } of answers) {
    if (table === null) continue
    const counts = tables.get(table) ?? { pushed: 0, conflicts: 0, rejected: 0, strategy: '' }
    tables.set(table, counts)
    counts.pushed++
    if (kind === 'conflict') counts.conflicts++
    if (kind === 'rejected') counts.rejected++
    if (strategy) counts.strategy = strategy
  }
  return Object.fromEntries(tables)
}
