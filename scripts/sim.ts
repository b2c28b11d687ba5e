import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { runSeeds, SimThread } from '#lib/sim/runner/pool.ts'
import { failureText, Tally } from '#lib/sim/runner/report.ts'
import { shrink } from '#lib/sim/runner/shrink.ts'
import type { Narrowing } from '#lib/sim/simulation/plan.ts'
import { generateClient } from './prisma/generate.ts'

// `npm run sim`: seeded worlds of devices, servers and people in which everything goes wrong, watched by an oracle.

const help = `Usage: npm run sim -- [options]
  --seeds <n>        how many seeds (200, with --postgres 10)
  --from <n>         the first of them (1)
  --seed <text>      this one alone
  --trace            with its whole trace
  --narrowing <json> {"devices", "servers", "safetyMs", "editEveryMs", "rates", "without": [what is not to happen]}
  --postgres         on real processes: HTTP, PostgreSQL, kill -9 of both, lines that break; half a minute a seed
  --threads <n>      (one per processor)
  --mutants          plants each known bug in turn, and looks for the seed that shows it
  --mutant <text>    only those whose name contains this
  --remember         with these two: notes the seeds that showed them, which are tried first from then on
  --no-shrink        prints a failure as it is`

const { values: given } = parseArgs({
  options: {
    seeds: { type: 'string' },
    postgres: { type: 'boolean', default: false },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    narrowing: { type: 'string', default: '{}' },
    threads: { type: 'string', default: String(cpus().length) },
    mutants: { type: 'boolean', default: false },
    mutant: { type: 'string' },
    remember: { type: 'boolean', default: false },
    'no-shrink': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (given.help) {
  console.log(help)
  process.exit()
}
const [count, from, threads] = [
  given.seeds ?? (given.postgres ? '10' : '200'),
  given.from,
  given.threads,
].map((text) => {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new RangeError(`${text} is not a count\n${help}`)
  return value
}) as [number, number, number]
// What threads and processes load rests on it; a fresh clone has none.
await generateClient()
const narrowing = JSON.parse(given.narrowing) as Narrowing
const keepsLines = given.trace ? 1_000_000 : 60
const seeds = given.seed ? [given.seed] : Array.from({ length: count }, (_, index) => String(from + index))

if (given.postgres) {
  const { exploreOnProcesses } = await import('./sim/explore.ts')
  const failures = await exploreOnProcesses(seeds, { narrowing, keepsLines })
  process.exit(failures.length === 0 ? 0 : 1)
}
if (given.mutants || given.mutant !== undefined) {
  const { huntMutants } = await import('./sim/hunt-mutants.ts')
  const missed = await huntMutants(seeds, {
    ...{ threads, narrowing, nameHas: given.mutant ?? '', remembers: given.remember },
  })
  process.exit(missed.length === 0 ? 0 : 1)
}
process.exitCode = await explore()

/** Runs the seeds as they are. */
async function explore(): Promise<number> {
  const tally = new Tally()
  const failures: string[] = []
  const began = performance.now()
  let last = began
  await runSeeds(
    seeds,
    threads,
    ({ seed, ms, outcome, error }) => {
      if (error) {
        console.log(`seed ${seed} broke the simulation: ${error}`)
        failures.push(seed)
        return true
      }
      tally.add(seed, ms, outcome!)
      if (outcome!.violation) {
        failures.push(seed)
        console.log(
          `seed ${seed}: ${outcome!.violation.invariant}: ${outcome!.violation.detail.slice(0, 300)}`,
        )
      }
      if (given.trace) console.log(outcome!.trace.join('\n'), `\ntrace ${outcome!.traceHash}`)
      if (performance.now() - last > 10_000) {
        last = performance.now()
        console.log(`${tally.seeds} of ${seeds.length} seeds, ${failures.length} failed`)
      }
      return true
    },
    { narrowing, keepsLines },
  )
  const [first] = failures
  if (first && !given['no-shrink']) await explain(first)
  console.log(`\n${tally.text()}\n`)
  const seconds = (performance.now() - began) / 1_000
  const virtualHours = tally.virtualMs / 3_600_000
  console.log(
    `${tally.seeds} seeds in ${seconds.toFixed(0)} s (${virtualHours.toFixed(1)} h of virtual time, ${tally.steps} events), ` +
      (failures.length === 0 ? 'none failed' : `${failures.length} failed: ${failures.join(' ')}`),
  )
  return failures.length === 0 ? 0 : 1
}

/** The first failure, with everything taken away that it does not need. */
async function explain(seed: string): Promise<void> {
  const thread = new SimThread({ narrowing, keepsLines })
  try {
    const { outcome } = await thread.run(seed)
    if (!outcome) return
    const shrunk = await shrink(thread, seed, outcome)
    console.log(`\n${failureText(seed, shrunk.narrowing, shrunk.outcome)}`)
  } finally {
    await thread.end()
  }
}
