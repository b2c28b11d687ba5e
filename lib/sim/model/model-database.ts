import { Locks } from './locks.ts'
import { ModelError } from './model-error.ts'
import { Tables } from './tables.ts'
import { Transaction } from './transaction.ts'

/** Where a statement stands: what the scheduler of the simulation is told, and what its faults are chosen by. */
export type Statement = { name: string; commits: boolean }

/** What the model asks of its surroundings. */
export type ModelHost = {
  /** The database's own clock, milliseconds since 1970. */
  now: () => number
  /** Before each statement, and before and after each commit: others go on here. May throw; may never return. */
  step: (statement: Statement) => Promise<void>
}

/** A Postgres in memory, as far as the sync engine uses one. */
export class ModelDatabase {
  tables = new Tables()
  readonly locks = new Locks()
  readonly epoch: string
  #nextTransaction = 1
  #nextPosition = 1
  readonly #open = new Set<Transaction>()
  /** Told of every transaction at the moment it is committed. */
  onCommit: (transaction: Transaction) => void = () => {}

  constructor(epoch: string) {
    this.epoch = epoch
  }

  begin(): Transaction {
    const transaction = new Transaction(this, this.#nextTransaction++)
    this.#open.add(transaction)
    return transaction
  }

  /** Numbers taken by a transaction that fails are not given again. */
  nextPosition(): number {
    return this.#nextPosition++
  }

  apply(transaction: Transaction): void {
    this.#open.delete(transaction)
    this.tables.apply(transaction.writes)
    this.onCommit(transaction)
  }

  /** One transaction: commits when the work is done, leaves nothing where it throws. */
  async transaction<T>(host: ModelHost, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const transaction = this.begin()
    try {
      const result = await work(transaction)
      await host.step({ name: 'commit', commits: false })
      transaction.commit()
      await host.step({ name: 'committed', commits: true })
      return result
    } catch (error) {
      transaction.abort()
      this.#open.delete(transaction)
      throw error
    }
  }

  /** An immediate stop: what was not committed is gone. */
  stop(): void {
    for (const transaction of this.#open) transaction.abort()
    this.#open.clear()
  }

  /** Puts an earlier state in the place of this one, as a restored backup does. */
  restore(backup: Tables): void {
    this.stop()
    this.tables = backup.copy()
    const positions = [...this.tables.feeds.values()].map((feed) => feed.at(-1)?.position ?? 0)
    this.#nextPosition = Math.max(0, ...positions) + 1
  }
}

export function away(): ModelError {
  return new ModelError('57P01', 'terminating connection due to administrator command')
}
