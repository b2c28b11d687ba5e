import { createHash, randomUUID } from 'node:crypto'
import { formatHlc, hlcNode } from '#lib/core/hlc.ts'
import type { JsonObject } from '#lib/core/json.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import type { ChangeInput } from '#lib/protocol/sync.ts'

export const table = 'inspections'

/** What every record of the benchmark must be: the server validates each of them. */
export const recordSchema: JsonObject = {
  type: 'object',
  required: ['title', 'status', 'priority', 'address', 'tags', 'notes'],
  properties: {
    title: { type: 'string', maxLength: 200 },
    status: { enum: ['open', 'done', 'late'] },
    priority: { type: 'integer', minimum: 0, maximum: 9 },
    address: { type: 'object', required: ['street', 'city'] },
    tags: { type: 'array', items: { type: 'string' }, maxItems: 20 },
    notes: { type: 'string' },
  },
}

type Kind = 'create' | 'update' | 'stale' | 'replay'

/** Of every hundred changes, spread evenly so that small batches add up to the same mix. */
const mix: readonly Kind[] = spread({ create: 50, update: 44, stale: 5, replay: 1 })

type Known = { id: string; version: number }

/** First digits of a stamp that loses against any other. */
const longAgo = '000000000001'

/** A device's changes, made up in advance: its own records alone, so that every answer is known beforehand. */
export class Workload {
  readonly deviceId = randomUUID()
  readonly incarnation = randomUUID()
  readonly scope: string
  /** Records to edit next, the one that was left alone longest first. */
  readonly #created: Known[] = []
  readonly #edited: Known[] = []
  /** Records of the batch being made: they come back when it is done, so that none comes twice in one. */
  readonly #held: { to: Known[]; record: Known }[] = []
  readonly #node = hlcNode(this.deviceId)
  #clock = Date.now() - 3_600_000
  #seq = 0
  #dealt = 0
  #previous: ChangeInput | null = null

  constructor(scope: string) {
    this.scope = scope
  }

  /** Records to begin with, some of them edited: what the mix needs before batches of that size can be dealt. */
  firstBatches(size: number): ChangeInput[][] {
    const count = Math.max(10, size)
    const created = this.#collect(2 * count, () => this.#create())
    const edited = this.#collect(count, () => this.#update(this.#created))
    return [created.slice(0, count), created.slice(count), edited]
  }

  /** New records alone. */
  creates(size: number): ChangeInput[] {
    return this.#collect(size, () => this.#create())
  }

  /** The next batch in the mix. What was answered before goes first, as a device sends it. */
  batch(size: number): ChangeInput[] {
    const changes = this.#collect(size, () => this.#deal(mix[this.#dealt++ % mix.length]!))
    return changes.toSorted((a, b) => a.seq - b.seq)
  }

  #collect(size: number, next: () => ChangeInput): ChangeInput[] {
    const changes = Array.from({ length: size }, next)
    for (const { to, record } of this.#held.splice(0)) to.push(record)
    this.#previous = changes.at(-1) ?? null
    return changes
  }

  #deal(kind: Kind): ChangeInput {
    switch (kind) {
      case 'create':
        return this.#create()
      case 'update':
        return this.#update(this.#dealt % 2 === 0 ? this.#created : this.#edited)
      case 'stale': {
        const record = this.#edited.shift()!
        this.#held.push({ to: this.#edited, record })
        const change = this.#change('UPDATE', record.id, record.version - 1)
        // Long before the record's own stamp: the last writer wins, and it is not this one.
        return { ...change, hlc: longAgo + change.hlc.slice(longAgo.length) }
      }
      case 'replay':
        return this.#previous!
    }
  }

  #create(): ChangeInput {
    const change = this.#change('CREATE', randomUUID(), 0)
    this.#held.push({ to: this.#created, record: { id: change.record_id, version: 1 } })
    return change
  }

  #update(from: Known[]): ChangeInput {
    const { id, version } = from.shift()!
    this.#held.push({ to: this.#edited, record: { id, version: version + 1 } })
    return this.#change('UPDATE', id, version)
  }

  #change(operation: 'CREATE' | 'UPDATE', id: string, baseVersion: number): ChangeInput {
    const seq = ++this.#seq
    const data = record(seq)
    return {
      op_id: randomUUID(),
      seq,
      table,
      operation,
      record_id: id,
      scope: this.scope,
      base_version: baseVersion,
      data,
      hlc: formatHlc({ millis: ++this.#clock, counter: 0, node: this.#node }),
      vector: { [this.deviceId]: seq },
      checksum: recordChecksum(data, (text) => createHash('sha256').update(text).digest('hex')),
    }
  }
}

/** About 500 bytes of JSON. */
function record(n: number): JsonObject {
  return {
    title: `Inspection ${n} of the north stairwell`,
    status: 'open',
    priority: n % 10,
    address: { street: `${n % 400} Kestrel Road`, city: 'Harbour Town', postcode: `HT${n % 90} 4QX` },
    tags: ['fire', 'stairs', 'annual', `round-${n % 7}`],
    measured: { width_mm: 1_200 + (n % 50), rise_mm: 170, lux: 84.5, slip: false },
    assignee: randomUUID(),
    notes: `Handrail secure on both sides. Nosing worn on step ${n % 24}; replace before the next visit. Signs are readable and lit.`,
  }
}

/** Deals each kind out at its share, none of them in a lump. */
function spread(shares: Record<Kind, number>): Kind[] {
  const kinds = Object.entries(shares) as [Kind, number][]
  return kinds
    .flatMap(([kind, count]) => Array.from({ length: count }, (_, i) => ({ kind, at: (i + 0.5) / count })))
    .toSorted((a, b) => a.at - b.at)
    .map(({ kind }) => kind)
}
