import type { ResultRow } from '../../model/tables.ts'
import type { Transaction } from '../../model/transaction.ts'
import { DeviceWatch } from './device-watch.ts'
import type { Invariant, Violation } from './invariants.ts'
import { Ledger, type Scene } from './ledger.ts'
import { LogWatch } from './log-watch.ts'
import { ReplyWatch } from './reply-watch.ts'
import { SagaWatch } from './saga-watch.ts'

/**
 * Watches from outside: everything that is committed, every reply, every write of every device. It knows the rules of
 * assurance.md and nothing of how they are kept.
 */
export class Oracle {
  readonly log: LogWatch
  readonly replies: ReplyWatch
  readonly sagas: SagaWatch
  readonly check: Ledger['check']
  readonly #ledger: Ledger
  readonly #watches: DeviceWatch[] = []

  constructor(scene: Scene) {
    this.#ledger = new Ledger(scene)
    this.check = this.#ledger.check
    this.log = new LogWatch(this.#ledger)
    this.sagas = new SagaWatch(this.#ledger, this.log)
    this.replies = new ReplyWatch(this.#ledger, this.log)
  }

  /** The answer to an operation, also where it is old and kept no more. */
  answer(opId: string): ResultRow | undefined {
    return this.#ledger.answer(opId)
  }

  /** How often the database had an earlier state in place of its own. */
  get restores(): number {
    return this.#ledger.restores
  }

  get violation(): Violation | null {
    return this.#ledger.violation
  }

  get checks(): Map<Invariant, number> {
    return this.#ledger.checks
  }

  committed(transaction: Transaction): void {
    for (const [opId, result] of transaction.writes.results) {
      if (result) this.#ledger.answered(result)
      else this.#ledger.forgotten.add(opId)
    }
    this.sagas.committed(transaction, this.#ledger.scene.database.tables)
    this.log.committed(transaction, this.#ledger.scene.database.tables)
  }

  /** The database has an earlier state in place of its own, which is all the log there is now. */
  restored(): void {
    const { tables } = this.#ledger.scene.database
    this.#ledger.restored(tables)
    this.log.restored(tables)
    this.replies.restored(tables)
    this.sagas.restored(tables)
    for (const watch of this.#watches) watch.restored()
  }

  /** One store of a device, under a name of its own: a clone and a restored image are others. */
  device(name: string): DeviceWatch {
    const watch = new DeviceWatch(name, this.#ledger, this.log)
    this.#watches.push(watch)
    return watch
  }
}
