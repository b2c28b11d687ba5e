import { Worker } from 'node:worker_threads'
import type { Mutant } from '../mutants/mutants.ts'
import type { Narrowing } from '../simulation/plan.ts'
import type { Done, Job } from './worker.ts'

type Options = { narrowing?: Narrowing; keepsLines?: number; mutant?: Mutant | null }

/** Runs one seed after the other in a thread of its own. */
export class SimThread {
  readonly #worker: Worker
  readonly #narrowing: Narrowing
  readonly #keepsLines: number

  constructor({ narrowing = {}, keepsLines = 60, mutant = null }: Options = {}) {
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: { mutant } })
    this.#narrowing = narrowing
    this.#keepsLines = keepsLines
  }

  run(seed: string, narrowing: Narrowing = this.#narrowing): Promise<Done> {
    return new Promise((resolve, reject) => {
      const settle = (done: Done) => {
        this.#worker.off('error', reject)
        this.#worker.off('message', settle)
        resolve(done)
      }
      this.#worker.once('error', reject)
      this.#worker.on('message', settle)
      const job: Job = { seed, narrowing, keepsLines: this.#keepsLines }
      this.#worker.postMessage(job, [])
    })
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }
}

/** Runs seeds on so many threads; `onDone` is told of each, and ends everything by answering false. */
export async function runSeeds(
  seeds: readonly string[],
  threads: number,
  onDone: (done: Done) => boolean,
  options: Options = {},
): Promise<void> {
  let next = 0
  let goesOn = true
  const work = async () => {
    const thread = new SimThread(options)
    try {
      while (goesOn && next < seeds.length) {
        const done = await thread.run(seeds[next++]!)
        if (goesOn) goesOn = onDone(done)
      }
    } finally {
      await thread.end()
    }
  }
  await Promise.all(Array.from({ length: Math.min(threads, seeds.length) }, work))
}
