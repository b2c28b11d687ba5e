import type { Tables } from '../model/tables.ts'
import type { World } from './world.ts'

/**
 * Backups of the database that a plan takes, and what it makes of them: everything stops, and the server comes back
 * with the state of a backup. Devices were not told; what people did since is gone.
 */
export class Backups {
  readonly #world: World
  readonly #dice
  #backup: Tables | null = null

  constructor(world: World) {
    this.#world = world
    this.#dice = world.dice.fork('backups')
  }

  /** @param stop ends every process of the server at once, with all it began */
  async work(stop: () => void): Promise<void> {
    const world = this.#world
    const dice = this.#dice
    if (world.plan.rates.server_restored === undefined) return
    while (world.isSafety) {
      await world.scheduler.sleep(dice.between(2_000, 10_000))
      if (!world.isSafety) return
      // One of before a device came to be would lock it out.
      const isComplete = world.database.tables.all('devices').length >= world.plan.devices
      if (isComplete && (this.#backup === null || dice.chance(0.3))) {
        this.#backup = world.database.tables.copy()
        world.trace.add('database', 'is backed up')
      } else if (this.#backup && world.happens('server_restored', 0.15, dice)) {
        world.trace.add('database', 'is restored')
        stop()
        world.database.restore(this.#backup)
        world.oracle.restored()
      }
    }
  }
}
