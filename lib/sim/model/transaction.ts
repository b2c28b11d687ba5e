import type { ModelDatabase } from './model-database.ts'
import { ModelError } from './model-error.ts'
import { noWrites, type Rows, type TableName } from './tables.ts'

/**
 * A transaction in READ COMMITTED: each read sees what is committed at that moment and its own writes; what it writes
 * nobody sees before the end; a row that is written is locked until then.
 */
export class Transaction {
  readonly id: number
  readonly writes = noWrites()
  #isOver = false
  readonly #database: ModelDatabase

  constructor(database: ModelDatabase, id: number) {
    this.#database = database
    this.id = id
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** The row as it is for this transaction now. */
  get<T extends TableName>(table: T, key: string): Rows[T] | undefined {
    const own = this.writes[table].get(key)
    if (own !== undefined) return own ?? undefined
    return this.#database.tables.get(table, key)
  }

  /** Conflicts of a record that are open: those that are committed, and this transaction's own. */
  openConflicts({ scope, table, id }: { scope: string; table: string; id: string }): Rows['conflicts'][] {
    const own = [...this.writes.conflicts.values()].filter((row) => row !== null)
    const all = new Map([...this.#database.tables.all('conflicts'), ...own].map((row) => [row.id, row]))
    return [...all.values()].filter(
      (row) => row.state === 'open' && row.scope === scope && row.table === table && row.record_id === id,
    )
  }

  /** Dead letters of a device, likewise, in the order of their ids. */
  lettersOf(device: string): Rows['letters'][] {
    const own = [...this.writes.letters.values()].filter((row) => row !== null)
    const all = new Map([...this.#database.tables.all('letters'), ...own].map((row) => [row.id, row]))
    return [...all.values()]
      .filter(({ device_id }) => device_id === device)
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** Waits for whoever holds it. @throws ModelError 40P01, or 57P01 where the server ended the transaction */
  async lock(table: string, key: string): Promise<void> {
    this.#check()
    await this.#database.locks.acquire(`${table} ${key}`, this)
    this.#check()
  }

  async put<T extends TableName>(table: T, key: string, row: Rows[T]): Promise<void> {
    await this.lock(table, key)
    this.#set(table, key, row)
  }

  async delete(table: TableName, key: string): Promise<void> {
    await this.lock(table, key)
    this.#set(table, key, null)
  }

  /** `INSERT … ON CONFLICT DO NOTHING`: waits for another's insert of the same key. @returns whether it was inserted */
  async insert<T extends TableName>(table: T, key: string, row: Rows[T]): Promise<boolean> {
    await this.lock(table, key)
    if (this.get(table, key) !== undefined) return false
    this.#set(table, key, row)
    return true
  }

  /** A row of a table that only grows, under a key nobody else uses. */
  append<T extends TableName>(table: T, row: Rows[T], key = `${this.id} ${this.writes[table].size}`): void {
    this.#check()
    this.#set(table, key, row)
  }

  commit(): void {
    this.#check()
    this.#isOver = true
    this.#database.apply(this)
    this.#database.locks.release(this)
  }

  abort(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#database.locks.release(this)
  }

  #set<T extends TableName>(table: T, key: string, row: Rows[T] | null): void {
    const writes: Map<string, Rows[T] | null> = this.writes[table]
    writes.set(key, row)
  }

  #check(): void {
    if (this.#isOver) throw new ModelError('57P01', 'terminating connection')
  }
}
