import type { Transaction } from '../../model/transaction.ts'
import type { World } from '../world.ts'
import { DeviceWatch } from './device-watch.ts'
import type { Invariant, Violation } from './invariants.ts'
import { LogWatch } from './log-watch.ts'
import { ReplyWatch } from './reply-watch.ts'

/**
 * Watches from outside: everything that is committed, every reply, every write of every device. It knows the rules of
 * assurance.md and nothing of how they are kept.
 */
export class Oracle {
  readonly log: LogWatch
  readonly replies: ReplyWatch
  readonly devices = new Map<string, DeviceWatch>()
  /** How often each invariant was looked at. */
  readonly checks = new Map<Invariant, number>()
  violation: Violation | null = null
  readonly #world: World

  constructor(world: World) {
    this.#world = world
    this.log = new LogWatch(this)
    this.replies = new ReplyWatch(world, this)
  }

  /** A look at an invariant: the first that does not hold ends the simulation. */
  check(invariant: Invariant, holds: boolean, detail: () => string): void {
    this.checks.set(invariant, (this.checks.get(invariant) ?? 0) + 1)
    if (holds || this.violation) return
    this.violation = { invariant, detail: detail(), atMs: this.#world.scheduler.elapsedMs }
    this.#world.trace.add('oracle', `${invariant}: ${this.violation.detail}`)
  }

  committed(transaction: Transaction): void {
    this.log.committed(transaction, this.#world.database.tables)
  }

  /** One store of a device, under a name of its own: a clone and a restored image are others. */
  device(name: string): DeviceWatch {
    const watch = new DeviceWatch(name, this.#world, this)
    this.devices.set(name, watch)
    return watch
  }
}
