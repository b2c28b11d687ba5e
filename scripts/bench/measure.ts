import type { CpuUse } from './cpu.ts'

/** One thing to measure: work that is made ready beforehand, then done at once over several connections. */
export type Contest = {
  name: string
  /** What it is measured against, by name. */
  against: string | null
  /** The ratio to reach (performance.md). */
  goal: number | null
  /** Makes about `requests` requests ready. */
  prepare: (requests: number) => Lane[]
  close: () => Promise<void> | void
  /** Whose processor time counts as the server's, where it is not the product's. */
  serverPid?: number
}

/** What one connection does, request after request. Each returns the rows it moved. */
export type Lane = { requests: (() => Promise<number>)[]; verify?: () => void }

/** One round of one contest. */
export type Round = {
  rows: number
  requests: number
  seconds: number
  latenciesMs: number[]
  /** null where the system does not tell. */
  cpu: CpuUse | null
}

/** Runs all lanes at once, each its requests in order. @throws what a request throws, or what the check afterwards finds */
export async function runRound(
  lanes: readonly Lane[],
  readCpu: () => Promise<CpuUse | null>,
): Promise<Round> {
  const latenciesMs: number[] = []
  let rows = 0
  const before = await readCpu()
  const startedAt = performance.now()
  await Promise.all(
    lanes.map(async ({ requests }) => {
      for (const request of requests) {
        const sentAt = performance.now()
        const moved = await request()
        rows += moved
        latenciesMs.push(performance.now() - sentAt)
      }
    }),
  )
  const seconds = (performance.now() - startedAt) / 1_000
  const after = await readCpu()
  for (const { verify } of lanes) verify?.()
  const cpu = before && after && difference(after, before)
  return { rows, requests: latenciesMs.length, seconds, latenciesMs, cpu }
}

export type Result = {
  name: string
  against: string | null
  goal: number | null
  /** Median over the rounds. */
  rowsPerSecond: number
  requestsPerSecond: number
  /** Over the requests of all rounds. */
  p50Ms: number
  p95Ms: number
  /** Of the rounds' own ratios, neighbours in time, so that a busy machine slows both. */
  ratio: { min: number; median: number; max: number } | null
  /** Processor time per hundred rows, over all rounds, and its ratio: what is left of a clock on a busy machine. */
  cpuPer100Rows: CpuUse | null
  cpuRatio: number | null
}

/** Sums the rounds of all contests up. */
export function summarise(
  contests: readonly Contest[],
  rounds: ReadonlyMap<string, readonly Round[]>,
): Result[] {
  const rate = ({ rows, seconds }: Round) => rows / seconds
  return contests.map(({ name, against, goal }) => {
    const own = rounds.get(name) ?? []
    const other = against === null ? undefined : rounds.get(against)
    const cpu = cpuPer100Rows(own)
    const otherCpu = cpuPer100Rows(other ?? [])
    const latencies = own.flatMap(({ latenciesMs }) => latenciesMs).toSorted((a, b) => a - b)
    return {
      name,
      against,
      goal,
      rowsPerSecond: median(own.map(rate)),
      requestsPerSecond: median(own.map(({ requests, seconds }) => requests / seconds)),
      p50Ms: quantile(latencies, 0.5),
      p95Ms: quantile(latencies, 0.95),
      ratio: other ? spreadOf(own.map((round, i) => rate(round) / rate(other[i]!))) : null,
      cpuPer100Rows: cpu,
      cpuRatio: cpu && otherCpu ? total(otherCpu) / total(cpu) : null,
    }
  })
}

function cpuPer100Rows(rounds: readonly Round[]): CpuUse | null {
  const used = rounds.flatMap(({ cpu }) => (cpu ? [cpu] : []))
  const rows = rounds.reduce((sum, round) => sum + round.rows, 0)
  if (used.length === 0 || rows === 0) return null
  const per100 = (of: keyof CpuUse) => (used.reduce((sum, use) => sum + use[of], 0) / rows) * 100
  return { clientMs: per100('clientMs'), serverMs: per100('serverMs'), postgresMs: per100('postgresMs') }
}

function difference(after: CpuUse, before: CpuUse): CpuUse {
  return {
    clientMs: after.clientMs - before.clientMs,
    serverMs: after.serverMs - before.serverMs,
    postgresMs: after.postgresMs - before.postgresMs,
  }
}

function total({ clientMs, serverMs, postgresMs }: CpuUse): number {
  return clientMs + serverMs + postgresMs
}

function spreadOf(values: readonly number[]): { min: number; median: number; max: number } {
  return { min: Math.min(...values), median: median(values), max: Math.max(...values) }
}

function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  )
}

/** Linear between neighbours; NaN of nothing. */
function quantile(sorted: readonly number[], q: number): number {
  const at = (sorted.length - 1) * q
  const below = sorted[Math.floor(at)] ?? NaN
  const above = sorted[Math.ceil(at)] ?? NaN
  return below + (above - below) * (at - Math.floor(at))
}
