import { COLLECTIONS, type Collection, type Entry, type Scan, type Storage, type Write } from './ports.ts'

/** What a memory store holds, as text: can be kept, compared, and given to another store. */
export type MemoryImage = Readonly<Record<Collection, ReadonlyMap<string, string>>>

export interface MemoryStore extends Storage {
  /** A copy of everything, as a backup or a cloned disk image would hold it. */
  image(): MemoryImage
}

/**
 * A store that lives as long as the process. Values are held as JSON text, so it isolates readers
 * from writers and refuses what a durable store could not keep, exactly as a durable store does.
 * @param image start from this copy instead of empty
 */
export function createMemoryStore(image?: MemoryImage): MemoryStore {
  const shelves = new Map(COLLECTIONS.map((name) => [name, new Shelf(image?.[name])]))
  const shelf = (name: Collection): Shelf => {
    const found = shelves.get(name)
    if (!found) throw new Error(`unknown collection ${name}`)
    return found
  }
  return {
    async get(collection, keys) {
      return keys.map((key) => shelf(collection).get(key))
    },
    async scan(collection, scan) {
      return shelf(collection).scan(scan)
    },
    async write(writes) {
      // Serialise everything first: a value that cannot be kept must leave the store untouched.
      const texts = writes.map((write) => (write.kind === 'put' ? toText(write) : ''))
      for (const [index, write] of writes.entries()) {
        if (write.kind === 'put') shelf(write.collection).put(write.key, texts[index] ?? '')
        else shelf(write.collection).delete(write.key)
      }
    },
    async sizeBytes() {
      let size = 0
      for (const each of shelves.values()) size += each.sizeBytes
      return size
    },
    image() {
      const copy = (name: Collection) => shelf(name).copy()
      return {
        meta: copy('meta'),
        records: copy('records'),
        operations: copy('operations'),
        outbox: copy('outbox'),
        inflight: copy('inflight'),
        dead_letters: copy('dead_letters'),
        review: copy('review'),
        journal: copy('journal'),
      }
    },
  }
}

function toText(write: Write & { kind: 'put' }): string {
  const text: string | undefined = JSON.stringify(write.value)
  if (text === undefined) throw new TypeError(`${write.collection}/${write.key}: the value is not JSON`)
  return text
}

/** One collection: a map for point reads, and its keys in order, sorted only when a scan needs them. */
class Shelf {
  private readonly values: Map<string, string>
  private ordered: string[] | null = null
  /** UTF-16 units; near enough to bytes for a figure on a dashboard. */
  sizeBytes = 0

  constructor(values: ReadonlyMap<string, string> | undefined) {
    this.values = new Map(values)
    for (const [key, text] of this.values) this.sizeBytes += key.length + text.length
  }

  get(key: string): unknown {
    const text = this.values.get(key)
    return text === undefined ? undefined : JSON.parse(text)
  }

  put(key: string, text: string): void {
    const before = this.values.get(key)
    if (before === undefined) {
      // Most keys are born in ascending order (ordinals, seqs): keep those without sorting again.
      const last = this.ordered?.at(-1)
      if (this.ordered && (last === undefined || key > last)) this.ordered.push(key)
      else this.ordered = null
      this.sizeBytes += key.length
    }
    this.sizeBytes += text.length - (before?.length ?? 0)
    this.values.set(key, text)
  }

  delete(key: string): void {
    const before = this.values.get(key)
    if (before === undefined) return
    // A dead key stays in `ordered` and is skipped by scans, until there are more dead than living.
    this.values.delete(key)
    this.sizeBytes -= key.length + before.length
    if (this.ordered && this.ordered.length > 2 * this.values.size + 16) this.ordered = null
  }

  scan({ prefix = '', after, limit = Infinity }: Scan): Entry[] {
    this.ordered ??= [...this.values.keys()].sort()
    const keys = this.ordered
    const entries: Entry[] = []
    const from = after !== undefined && after >= prefix ? after : null
    for (let index = lowerBound(keys, from ?? prefix); index < keys.length; index++) {
      if (entries.length >= limit) break
      const key = keys[index] as string
      if (key === from) continue
      if (!key.startsWith(prefix)) break
      const text = this.values.get(key)
      if (text !== undefined) entries.push({ key, value: JSON.parse(text) })
    }
    return entries
  }

  copy(): Map<string, string> {
    return new Map(this.values)
  }
}

/** Index of the first key that is not below `bound`. */
function lowerBound(keys: readonly string[], bound: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] as string) < bound) low = middle + 1
    else high = middle
  }
  return low
}
