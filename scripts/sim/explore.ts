import { failureText, Tally } from '#lib/sim/runner/report.ts'
import type { Narrowing } from '#lib/sim/simulation/plan.ts'
import { simulateProcesses } from './simulate-processes.ts'
import { Stack } from './stack.ts'

/**
 * Lives seeds through on real processes, one after the other, and tells what came of each.
 * @returns the seeds that failed
 */
export async function exploreOnProcesses(
  seeds: readonly string[],
  { narrowing, keepsLines }: { narrowing: Narrowing; keepsLines: number },
): Promise<string[]> {
  const tally = new Tally()
  const failures: string[] = []
  const began = performance.now()
  const stack = await Stack.start(process.env['NEXT_DIST_DIR'] ?? '.next')
  try {
    for (const seed of seeds) {
      const startedAt = performance.now()
      const outcome = await simulateProcesses(stack, seed, narrowing, { keepsLines })
      const ms = performance.now() - startedAt
      tally.add(seed, ms, outcome)
      const told = ['kill -9', 'Postgres', 'cut', 'server_restored', 'server_disk_full', 'answer'].map(
        (what) => `${sum(outcome.counts, what)} ${what}`,
      )
      console.log(
        `seed ${seed}: ${outcome.violation ? 'FAILED' : 'clean'}, ${(ms / 1_000).toFixed(0)} s, ${told.join(', ')}`,
      )
      if (!outcome.violation) continue
      failures.push(seed)
      console.log(`\n${failureText(seed, narrowing, outcome, '--postgres ')}\n`)
    }
  } finally {
    await stack.stop()
  }
  const seconds = (performance.now() - began) / 1_000
  console.log(`\n${tally.text()}\n`)
  console.log(
    `${tally.seeds} seeds on PostgreSQL in ${seconds.toFixed(0)} s, ` +
      (failures.length === 0 ? 'none failed' : `${failures.length} failed: ${failures.join(' ')}`),
  )
  return failures
}

/** Of all that is counted under a name that begins like this. */
function sum(counts: ReadonlyMap<string, number>, begin: string): number {
  return [...counts].reduce((total, [name, count]) => (name.startsWith(begin) ? total + count : total), 0)
}
