import { parentPort, workerData } from 'node:worker_threads'
import type { Mutant } from '../mutants/mutants.ts'
import { plant } from '../mutants/plant.ts'
import type { Narrowing } from '../simulation/plan.ts'
import type { Outcome } from '../simulation/simulate.ts'

export type Job = { seed: string; narrowing: Narrowing; keepsLines: number }
/** What a thread says of a job; `error` where the simulation itself broke. */
export type Done = { seed: string; ms: number; outcome: Outcome | null; error: string | null }

// What the product logs of crashes it is meant to survive is nobody's to read here.
process.env['LOG_LEVEL'] ??= 'silent'

// A thread with a planted bug loads everything after it: so each bug has a thread of its own.
const mutant = (workerData as { mutant: Mutant | null }).mutant
if (mutant) plant(mutant)
const { simulate } = await import('../simulation/simulate.ts')

const port = parentPort
if (!port) throw new Error('this is a thread of a pool')
const say = (done: Done) => port.postMessage(done)

let current = ''
// What nobody catches breaks the simulation, and not the pool.
process.on('unhandledRejection', (error) => say(failed(current, error)))
port.on('message', ({ seed, narrowing, keepsLines }: Job) => {
  current = seed
  const began = performance.now()
  simulate(seed, narrowing, { keepsLines }).then(
    (outcome) => say({ seed, ms: performance.now() - began, outcome, error: null }),
    (error: unknown) => say(failed(seed, error)),
  )
})

function failed(seed: string, error: unknown): Done {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { seed, ms: 0, outcome: null, error: text }
}
