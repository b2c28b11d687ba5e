import type { Dice } from '#lib/sim/simulation/dice.ts'
import type { PostgresProcess } from './postgres-process.ts'
import type { RealWorld } from './real-world.ts'

/** Copies of the data directory that are taken now and then, and put back: what happened since is gone. */
export class Restores {
  readonly #world: RealWorld
  readonly #postgres: PostgresProcess
  readonly #dice: Dice

  constructor(world: RealWorld, postgres: PostgresProcess, dice: Dice) {
    this.#world = world
    this.#postgres = postgres
    this.#dice = dice
  }

  /**
   * Until the world heals.
   * @param isComplete whether no device comes to be any more: a copy of before would lock it out
   * @param without does something while no server starts
   */
  async work(
    isComplete: () => boolean,
    without: (deed: () => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const world = this.#world
    const { copy } = this.#postgres
    while (world.isSafety) {
      await world.scheduler.sleep(this.#dice.between(4_000, 15_000))
      if (!world.isSafety) return
      if (world.isDatabaseAway || !isComplete()) continue
      if (!copy.isThere || this.#dice.chance(0.1)) await this.#whileAway(() => this.#take())
      else if (world.happens('server_restored', 0.3, this.#dice)) {
        await this.#whileAway(() => without(() => this.#putBack()))
      }
    }
  }

  async #whileAway(deed: () => Promise<void>): Promise<void> {
    this.#world.isDatabaseAway = true
    await deed()
    this.#world.isDatabaseAway = false
  }

  /** Of a PostgreSQL that was stopped in the middle of everything. */
  async #take(): Promise<void> {
    this.#world.count('copy of the data')
    this.#world.trace.add('postgres', 'stops, and its data is copied')
    await this.#postgres.end('immediate')
    await this.#postgres.copy.take()
    await this.#postgres.again()
  }

  async #putBack(): Promise<void> {
    const world = this.#world
    const postgres = this.#postgres
    world.trace.add('postgres', 'is restored')
    // Whatever was answered until now is held against the history in which it was.
    await world.settled()
    const replace = async () => {
      await postgres.end('immediate')
      await postgres.disk?.free()
      await postgres.copy.putBack()
      await postgres.again()
    }
    await world.mirror.replaced(replace, () => {
      world.history++
      world.oracle.restored()
      for (const { id, scopes } of world.database.tables.all('devices')) world.grants.restored(id, scopes)
    })
    world.trace.add('postgres', 'is back, as it was')
  }
}
