import type { Write } from '#lib/client/ports.ts'
import type { DeviceWatch } from '#lib/sim/simulation/oracle/device-watch.ts'
import type { Plan } from '#lib/sim/simulation/plan.ts'
import { World } from '#lib/sim/simulation/world.ts'
import { Grants } from './grants.ts'
import { Mirror } from './mirror.ts'
import type { RealTime } from './real-time.ts'

/** A world whose log is on a real server: what the oracle is to look at waits until the log is read that far. */
export class RealWorld extends World {
  readonly time: RealTime
  readonly mirror: Mirror
  readonly grants = new Grants()
  /** The oracle or the harness itself failed. */
  fault: unknown = null
  /** Which of the histories the database is in: a copy of its data directory that is put back begins another. */
  history = 0
  /** Until when a server may answer that it has no room. */
  mayBeFullUntilMs = 0
  readonly #looks: (() => void)[] = []
  #watching: Promise<void> | null = null

  constructor(options: {
    plan: Plan
    time: RealTime
    databaseUrl: string
    epoch: string
    keepsLines: number
  }) {
    super(options.plan, options.time, options.keepsLines, options.epoch)
    this.time = options.time
    this.mirror = new Mirror(options.databaseUrl, this.database)
  }

  override wrote(watch: DeviceWatch, writes: readonly Write[]): void {
    const copy = structuredClone(writes)
    this.later(() => watch.wrote(copy))
  }

  /** Looks, in the order of what happened, once the log holds everything that was committed until now. */
  later(look: () => void): void {
    this.#looks.push(look)
    this.#watching ??= this.#watch()
  }

  /** The same, unless the database is in another history by then: what was said in the old one is not to be found any more. */
  laterIn(history: number, look: () => void): void {
    this.later(() => {
      if (this.history === history) look()
    })
  }

  /** An answer of 5xx that nobody promised is a fault. */
  isPromised(status: number): boolean {
    return status < 500 || status === 503 || (status === 507 && Date.now() < this.mayBeFullUntilMs)
  }

  /** @returns once everything was looked at */
  async settled(): Promise<void> {
    while (this.#watching) await this.#watching
    await this.mirror.catchUp()
  }

  async #watch(): Promise<void> {
    try {
      while (this.#looks.length > 0 && this.fault === null) {
        const looks = this.#looks.splice(0)
        await this.mirror.catchUp()
        for (const look of looks) look()
      }
    } catch (error) {
      this.fault ??= error
    } finally {
      this.#watching = null
    }
  }
}
