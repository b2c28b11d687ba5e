import type { Collection, Scan, Storage, Write } from './ports.ts'
import type {
  DeadLetter,
  JournalEntry,
  MetaDocuments,
  PendingOperation,
  ReviewItem,
  StoredRecord,
} from './stored.ts'

/** What each collection holds. */
interface Documents {
  records: StoredRecord
  operations: PendingOperation
  outbox: { readonly ordinal: number }
  inflight: { readonly ordinal: number }
  dead_letters: DeadLetter
  review: ReviewItem
  journal: JournalEntry
}

/**
 * A unit of work on the store: reads see the unit's own writes, and `commit` makes all of them
 * durable at once. A unit that is not committed leaves no trace. Scans see committed state alone.
 */
export class Unit {
  private readonly storage: Storage
  private readonly pending = new Map<string, Write>()

  constructor(storage: Storage) {
    this.storage = storage
  }

  async get<C extends keyof Documents>(collection: C, key: string): Promise<Documents[C] | undefined> {
    return (await this.read(collection, key)) as Documents[C] | undefined
  }

  async meta<K extends keyof MetaDocuments>(key: K, fallback: MetaDocuments[K]): Promise<MetaDocuments[K]> {
    return ((await this.read('meta', key)) as MetaDocuments[K] | undefined) ?? fallback
  }

  async scan<C extends keyof Documents>(
    collection: C,
    scan: Scan,
  ): Promise<readonly { readonly key: string; readonly value: Documents[C] }[]> {
    return (await this.storage.scan(collection, scan)) as { key: string; value: Documents[C] }[]
  }

  put<C extends keyof Documents>(collection: C, key: string, value: Documents[C]): void {
    this.pending.set(`${collection}/${key}`, { kind: 'put', collection, key, value })
  }

  putMeta<K extends keyof MetaDocuments>(key: K, value: MetaDocuments[K]): void {
    this.pending.set(`meta/${key}`, { kind: 'put', collection: 'meta', key, value })
  }

  delete(collection: keyof Documents, key: string): void {
    this.pending.set(`${collection}/${key}`, { kind: 'delete', collection, key })
  }

  async commit(): Promise<void> {
    if (this.pending.size === 0) return
    await this.storage.write([...this.pending.values()])
    this.pending.clear()
  }

  private async read(collection: Collection, key: string): Promise<unknown> {
    const own = this.pending.get(`${collection}/${key}`)
    if (own) return own.kind === 'put' ? own.value : undefined
    const [value] = await this.storage.get(collection, [key])
    return value
  }
}
