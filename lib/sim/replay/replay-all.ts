import type { Device } from '#lib/client/index.ts'
import { createConsoleApi } from '../console-api.ts'
import type { Merge } from '../merges.ts'
import { createNodeDevice } from '../node-device.ts'
import { replayMerge, type RecordResult } from './replay-merge.ts'

export interface ReplayOptions {
  readonly baseUrl: string
  readonly apiKey: string
  readonly enrollmentKey: string
  /** Keeps the records of one run apart from those of another on the same server. */
  readonly run: string
  /** Merges under way at the same time, each by a pair of devices. */
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
  const scopeOf = (merge: Merge) => `${options.run}-${merge.merge.slice(0, 12)}`
  const lanes = deal(merges, Math.max(options.parallel, Math.ceil(merges.length / MAX_SCOPES)))
  await inParallel(lanes, options.parallel, async (lane) => {
    const scopes = lane.map(scopeOf)
    const pair = {
      ours: await openDevice(options, 'ours', scopes),
      theirs: await openDevice(options, 'theirs', scopes),
    }
    for (const merge of lane) {
      addResults(summary, await replayMerge(pair, merge, scopeOf(merge)))
      options.onProgress(summary.merges)
    }
  })
  return summary
}

/** A device carries its place in every one of its scopes with each request. */
const MAX_SCOPES = 200

async function openDevice(options: ReplayOptions, side: string, scopes: readonly string[]): Promise<Device> {
  const device = await createNodeDevice({ baseUrl: options.baseUrl })
  await device.enroll({
    enrollmentKey: options.enrollmentKey,
    name: `${options.run} ${side}`,
    platform: 'replay',
    appVersion: '1.0.0',
    scopes,
  })
  return device
}

/** Deals items out like cards; nobody is left without one. */
function deal<T>(items: readonly T[], hands: number): T[][] {
  const dealt: T[][] = Array.from({ length: Math.min(hands, items.length) }, () => [])
  for (const [index, item] of items.entries()) dealt[index % dealt.length]?.push(item)
  return dealt
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
