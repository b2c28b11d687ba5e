import { createConsoleApi } from '../console-api.ts'
import type { Merge } from '../merges.ts'
import { replayMerge, type RecordResult, type ReplayTarget } from './replay-merge.ts'

export interface ReplayOptions extends ReplayTarget {
  readonly apiKey: string
  /** Merges under way at the same time; each has devices and a scope of its own. */
  readonly parallel: number
  readonly onProgress: (done: number) => void
}

/** What came of all merges together. */
export interface ReplaySummary {
  merges: number
  records: number
  oneSided: number
  oneSidedLost: number
  asSettled: number
  bothSided: number
  /** Records both edited, by what became of the second edit. */
  readonly outcomes: Map<string, number>
  /** Records whose only edit did not arrive. */
  readonly lost: RecordResult[]
}

/**
 * Replays every merge on a server. Tables that have no policy yet get `merge` with a person as the
 * tiebreak.
 */
export async function replayAll(merges: readonly Merge[], options: ReplayOptions): Promise<ReplaySummary> {
  const api = createConsoleApi(options)
  const tables = new Set(merges.flatMap((merge) => merge.records.map((record) => record.table)))
  await inParallel([...tables], options.parallel, (name) => api.ensureTable(name, { strategy: 'merge' }))

  const summary: ReplaySummary = {
    merges: 0,
    records: 0,
    oneSided: 0,
    oneSidedLost: 0,
    asSettled: 0,
    bothSided: 0,
    outcomes: new Map(),
    lost: [],
  }
  await inParallel(merges, options.parallel, async (merge) => {
    addResults(summary, await replayMerge(options, merge))
    options.onProgress(summary.merges)
  })
  return summary
}

function addResults(summary: ReplaySummary, results: readonly RecordResult[]): void {
  summary.merges += 1
  for (const result of results) {
    summary.records += 1
    if (result.isAsSettled) summary.asSettled += 1
    if (result.isLost) {
      summary.oneSidedLost += 1
      summary.lost.push(result)
    }
    if (result.changed === 'both') {
      summary.bothSided += 1
      const outcome = result.outcome ?? 'unanswered'
      summary.outcomes.set(outcome, (summary.outcomes.get(outcome) ?? 0) + 1)
    } else {
      summary.oneSided += 1
    }
  }
}

async function inParallel<T>(
  items: readonly T[],
  workers: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values()
  const work = async () => {
    for (const item of queue) await task(item)
  }
  await Promise.all(Array.from({ length: workers }, work))
}
