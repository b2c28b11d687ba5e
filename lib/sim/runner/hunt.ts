import type { Mutant } from '../mutants/mutants.ts'
import type { Invariant } from '../simulation/oracle/invariants.ts'
import type { Narrowing } from '../simulation/plan.ts'
import { SimThread } from './pool.ts'
import type { Done } from './worker.ts'

/** What showed a planted bug. */
export type Catch = { seed: string; invariant: Invariant }

/** What came of the hunt for one planted bug. */
export type Verdict = {
  name: string
  found: Catch | null
  /** Seeds that were run with the bug. */
  tried: number
  /** Those that fail without the bug, too: they prove nothing. */
  unsound: readonly string[]
  /** What broke the simulation itself, which proves nothing either. */
  breaks: readonly string[]
  ms: number
}

type Options = {
  threads: number
  narrowing?: Narrowing
  /** Tried for each, in this order. */
  seeds: readonly string[]
  /** The seed that showed each bug last, by its name: tried first. */
  shownBy: Readonly<Record<string, string>>
  onVerdict: (verdict: Verdict) => void
}

/**
 * Plants each bug, and runs seeds until one fails that does not fail without the bug. A thread takes a bug for itself as
 * long as there are bugs that nobody hunts, and then joins another's hunt.
 */
export async function huntAll(mutants: readonly Mutant[], options: Options): Promise<Verdict[]> {
  const soundness = new Soundness()
  const hunts = mutants.map((mutant) => new Hunt(mutant, options, soundness))
  const work = async () => {
    const sound = new SimThread()
    try {
      for (;;) {
        const open = hunts.filter(({ isOver }) => !isOver)
        const hunt = open.find(({ hunters }) => hunters === 0) ?? open[0]
        if (!hunt) return
        await hunt.join(sound)
      }
    } finally {
      await sound.end()
    }
  }
  await Promise.all(Array.from({ length: options.threads }, work))
  return hunts.map(({ verdict }) => verdict)
}

/** The product as it is, in the worlds in which a bug showed. */
class Soundness {
  readonly #runs = new Map<string, Promise<Done>>()

  /** Whether nothing is wrong there. */
  async of(seed: string, narrowing: Narrowing, thread: SimThread): Promise<boolean> {
    const key = JSON.stringify([seed, narrowing])
    const run = this.#runs.get(key) ?? thread.run(seed, narrowing)
    this.#runs.set(key, run)
    const { outcome } = await run
    return outcome !== null && outcome.violation === null
  }
}

class Hunt {
  hunters = 0
  readonly #mutant: Mutant
  readonly #narrowing: Narrowing
  readonly #seeds: readonly string[]
  readonly #soundness: Soundness
  readonly #onVerdict: Options['onVerdict']
  #next = 0
  #found: Catch | null = null
  readonly #unsound: string[] = []
  readonly #breaks: string[] = []
  #tried = 0
  #began = 0
  #ms = 0

  constructor(mutant: Mutant, { narrowing, seeds, shownBy, onVerdict }: Options, soundness: Soundness) {
    const known = shownBy[mutant.name]
    const { name: _name, file: _file, find: _find, replace: _replace, ...own } = mutant
    this.#mutant = mutant
    this.#narrowing = { ...narrowing, ...own }
    this.#seeds = known === undefined ? seeds : [known, ...seeds.filter((seed) => seed !== known)]
    this.#soundness = soundness
    this.#onVerdict = onVerdict
  }

  /** Nothing is left to begin. */
  get isOver(): boolean {
    return this.#found !== null || this.#next >= this.#seeds.length
  }

  get verdict(): Verdict {
    return {
      ...{ name: this.#mutant.name, found: this.#found, tried: this.#tried },
      ...{ unsound: this.#unsound, breaks: this.#breaks, ms: this.#ms },
    }
  }

  /** Takes part until the bug has shown or no seed is left. @param sound runs the product without it */
  async join(sound: SimThread): Promise<void> {
    if (this.hunters++ === 0) this.#began ||= performance.now()
    const thread = new SimThread({ narrowing: this.#narrowing, mutant: this.#mutant })
    try {
      while (!this.isOver) await this.#try(this.#seeds[this.#next++]!, thread, sound)
    } catch (error) {
      // The thread is gone: no seed can show what cannot be planted.
      this.#breaks.push(error instanceof Error ? error.message : String(error))
      this.#next = this.#seeds.length
    } finally {
      await thread.end()
    }
    if (--this.hunters > 0) return
    this.#ms = performance.now() - this.#began
    this.#onVerdict(this.verdict)
  }

  async #try(seed: string, thread: SimThread, sound: SimThread): Promise<void> {
    const { outcome, error } = await thread.run(seed)
    this.#tried++
    if (error !== null) this.#breaks.push(`seed ${seed}: ${error.split('\n')[0]}`)
    const invariant = outcome?.violation?.invariant
    if (!invariant || this.#found) return
    if (!(await this.#soundness.of(seed, this.#narrowing, sound))) this.#unsound.push(seed)
    else this.#found ??= { seed, invariant }
  }
}
