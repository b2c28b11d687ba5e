import type { Mutant } from '../mutants/mutants.ts'
import type { Narrowing } from '../simulation/plan.ts'
import { runSeeds, SimThread } from './pool.ts'
import type { Done } from './worker.ts'

/** What showed a planted bug. */
export type Catch = { seed: string; what: string }

/** Looks for the seeds that show planted bugs. */
export class Hunt {
  readonly #threads: number
  /** Runs the product as it is. */
  #sound: SimThread | null = null
  readonly #soundness = new Map<string, Promise<Done>>()
  readonly #narrowing: Narrowing

  constructor(threads: number, narrowing: Narrowing = {}) {
    this.#threads = threads
    this.#narrowing = narrowing
  }

  /**
   * Plants a bug, and runs seeds until one fails that does not fail without the bug.
   * @returns what was found, or null; how many seeds were tried; those that fail without the bug, too
   */
  async find(
    mutant: Mutant,
    seeds: readonly string[],
  ): Promise<{ found: Catch | null; tried: number; unsound: string[] }> {
    const narrowing = { ...this.#narrowing, ...(mutant.rates && { rates: mutant.rates }) }
    const done = new Set<string>()
    const unsound: string[] = []
    for (;;) {
      const suspects: Catch[] = []
      await runSeeds(
        seeds.filter((seed) => !done.has(seed)),
        this.#threads,
        (run) => {
          done.add(run.seed)
          const what = complaint(run)
          if (what !== null) suspects.push({ seed: run.seed, what })
          return what === null
        },
        { narrowing, mutant },
      )
      const [suspect] = suspects
      if (!suspect) return { found: null, tried: done.size, unsound }
      if (complaint(await this.#withoutBug(suspect.seed, narrowing)) === null) {
        return { found: suspect, tried: done.size, unsound }
      }
      unsound.push(suspect.seed)
    }
  }

  async end(): Promise<void> {
    await this.#sound?.end()
  }

  async #withoutBug(seed: string, narrowing: Narrowing): Promise<Done> {
    const key = JSON.stringify([seed, narrowing])
    this.#sound ??= new SimThread()
    const known = this.#soundness.get(key) ?? this.#sound.run(seed, narrowing)
    this.#soundness.set(key, known)
    return known
  }
}

/** What is wrong with a run; null where nothing is. */
function complaint({ outcome, error }: Done): string | null {
  if (error !== null) return `the simulation breaks: ${error.split('\n')[0]}`
  return outcome?.violation?.invariant ?? null
}
