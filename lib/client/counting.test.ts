import fc from 'fast-check'
import { expect, test } from 'vitest'
import { gSet } from '#lib/core/crdt/g-set.ts'
import { isCrdt } from '#lib/core/crdt/types.ts'
import { isJsonObject, type Json, type JsonObject } from '#lib/core/json.ts'
import { changeSchema, type Change } from '#lib/protocol/sync.ts'
import { createMemoryStore, crdtValue, type Device, type FieldEdits, type MemoryStore } from './index.ts'
import { createBench, type Bench } from './testing/bench.ts'
import type { Fault } from './testing/faults.ts'
import { letterId } from './testing/model-answers.ts'

/**
 * Every edit that counts also names itself, in a set that only grows in the same record: the two travel together. So a
 * state that tells more or less than its own set has counted an increment twice, or lost one.
 */

const T = 'counted'
const recordId = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

const who = fc.nat(7)
const record = fc.nat(1)
const by = fc.constantFrom(-2, -1, 1, 1, 2, 3)
const fault = fc.constantFrom<Fault>(
  'none',
  'lose_request',
  'lose_reply',
  'duplicate',
  'truncate',
  'forget_one',
  { status: 503 },
)
const kind = <K extends string>(name: K) => fc.constant(name)
const step = fc.oneof(
  // What is urgent overtakes: two copies may send one operation at different places.
  { weight: 10, arbitrary: fc.record({ kind: kind('count'), who, record, by, isUrgent: fc.boolean() }) },
  // A step of a saga stands apart: what is counted after it is an operation of its own, made on top of it.
  { weight: 3, arbitrary: fc.record({ kind: kind('apart'), who, record, by }) },
  {
    weight: 8,
    arbitrary: fc.record({ kind: kind('sync'), who, faults: fc.array(fault, { maxLength: 2 }) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: kind('overlap'), who, record, by, fault }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: kind('refuse'),
      record,
      code: fc.constantFrom('business_rule', 'business_rule', 'checksum_mismatch'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: kind('retry'), who }) },
  { weight: 3, arbitrary: fc.record({ kind: kind('replay'), letter: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ kind: kind('copy'), who }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('backup'), who }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('restart'), who }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('server_backup') }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('server_restore') }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

interface Phone {
  device: Device
  store: MemoryStore
  backup: MemoryStore | null
}

class Play {
  readonly bench: Bench = createBench()
  readonly phones: Phone[] = []
  /** Increments that nobody may lose: of devices that were never put back to an older image. */
  readonly made = new Map<string, Phone>()
  private replayed = new Set<string>()
  private serverBackup = this.backup()
  private seed = 100
  private names = 0

  async begin(): Promise<void> {
    this.bench.server.strategies = { [T]: 'crdt' }
    this.bench.server.chunkChanges = 3
    for (let n = 0; n < 2; n++) await this.join(createMemoryStore())
    for (const n of [0, 1]) this.bench.server.write(T, recordId(n), {})
    this.serverBackup = this.backup()
    await this.rest()
  }

  async take(step: Step): Promise<void> {
    this.bench.clock.ms += 1000
    const { server } = this.bench
    const phone = this.phones['who' in step ? step.who % this.phones.length : 0]!
    switch (step.kind) {
      case 'count':
        return this.count(phone, step)
      case 'apart':
        return this.count(phone, step, async (ref, data, edits) => {
          await phone.device.saga([{ ...ref, data, edits }])
        })
      case 'sync':
        server.faults.push(...step.faults)
        await phone.device.sync()
        server.faults.length = 0
        return
      case 'overlap': {
        server.faults.push(step.fault)
        const running = phone.device.sync()
        await this.count(phone, step)
        await running
        server.faults.length = 0
        return
      }
      case 'refuse':
        server.refusals.set(recordId(step.record), [
          { code: step.code, retryable: step.code !== 'business_rule' },
        ])
        return
      case 'retry':
        for (const { operation } of await phone.device.deadLetters())
          await phone.device.retryDeadLetter(operation.opId)
        return
      case 'replay':
        return this.replay(this.letters()[step.letter % this.letters().length])
      case 'copy':
        if (this.phones.length < 5) await this.join(createMemoryStore(phone.store.image()))
        return
      case 'backup':
        phone.backup = createMemoryStore(phone.store.image())
        return
      case 'restart':
        // What was counted since the backup, and not sent, went with the store.
        if (phone.backup) for (const [name, by] of this.made) if (by === phone) this.made.delete(name)
        phone.store = phone.backup ?? createMemoryStore(phone.store.image())
        phone.backup = null
        phone.device = await this.open(phone.store)
        return
      case 'server_backup':
        this.serverBackup = this.backup()
        return
      case 'server_restore':
        server.restore(this.serverBackup.server)
        this.replayed = new Set(this.serverBackup.replayed)
        return
    }
  }

  /** Everything heals, and whatever was refused is taken in the end. */
  async heal(): Promise<void> {
    this.bench.server.refusals.clear()
    await this.rest()
    while (this.letters().length > 0) await this.replay(this.letters()[0])
    await this.rest()
  }

  private backup() {
    return { server: this.bench.server.backup(), replayed: new Set(this.replayed) }
  }

  private async rest(): Promise<void> {
    for (let round = 0; round < 3; round++) {
      for (const { device } of this.phones) {
        this.bench.clock.ms += 600_000
        expect(await device.sync()).toMatchObject({ outcome: 'complete' })
      }
    }
  }

  private async join(store: MemoryStore): Promise<void> {
    this.phones.push({ device: await this.open(store), store, backup: null })
  }

  private async open(store: MemoryStore): Promise<Device> {
    const policy = { backoff: { baseDelayMs: 10, maxDelayMs: 10, maxRetries: 1 } }
    return (await this.bench.device({ store, seed: this.seed++, policy })).device
  }

  private async count(
    phone: Phone,
    { record, by, isUrgent = false }: { record: number; by: number; isUrgent?: boolean },
    edit = async (ref: { table: string; id: string }, _: JsonObject, edits: FieldEdits) => {
      await phone.device.edit({ ...ref, priority: isUrgent ? 'critical' : 'normal' }, edits)
    },
  ): Promise<void> {
    const ref = { table: T, id: recordId(record) }
    const shown = await phone.device.get(ref)
    if (!shown) return
    this.names += 1
    const name = `${this.names}`
    await edit(ref, shown.data, {
      both: { increment: by },
      ups: { increment: Math.abs(by), type: 'g-counter' },
      names: { add: { name, by }, type: 'g-set' },
    })
    this.made.set(name, phone)
  }

  /** What was refused for good and not replayed yet: an operation may have been sent otherwise by each of two copies. */
  private letters(): Letter[] {
    const { deadLetters } = this.bench.server
    return this.sent().filter(({ change }) => {
      const id = letterId(change)
      return deadLetters.includes(id) && !this.replayed.has(id)
    })
  }

  private sent(): Letter[] {
    return this.bench.server.requests
      .filter(({ path }) => path === '/api/v1/sync')
      .flatMap(({ body }) => (body['changes'] as Json[]).map((change) => ({ body, change })))
      .flatMap(({ body, change }) => {
        const { data } = changeSchema.safeParse(change)
        return data ? [{ body, change: data }] : []
      })
  }

  /** Whether copies sent different things under this id. */
  private isOfTwins(opId: string): boolean {
    const contents = this.sent().flatMap(({ change }) => (change.op_id === opId ? [letterId(change)] : []))
    return new Set(contents).size > 1
  }

  /** As an operator does: as an operation of its device under a new id; what is refused again is a letter again. */
  private async replay(letter: Letter | undefined): Promise<void> {
    if (!letter) return
    const { body, change } = letter
    this.names += 1
    const id = `${String(this.names).padStart(8, '0')}${change.op_id.slice(8)}`
    const again: Change = { ...change, op_id: id, seq: 1 }
    const reply = await this.bench.server.transport().send({
      ...{ method: 'POST', path: '/api/v1/sync', timeoutMs: 1000 },
      ...{ headers: { authorization: 'Bearer replay' } },
      body: JSON.stringify({
        ...body,
        ...{ incarnation: id, dead_letters: [], last_sync_token: null },
        changes: [again],
      }),
    })
    const { base_op_id: baseId, ...alone } = again
    // What was taken under the id of what it was made on is a copy's, and it does not have all of that.
    if (reply.body.includes('"invalid_change"') && baseId != null && this.isOfTwins(baseId)) {
      this.replayed.add(letterId(again))
      await this.replay({ body, change: alone })
    }
    if (!reply.body.includes('"retryable":true')) this.replayed.add(letterId(change))
  }
}

type Letter = { body: Record<string, Json>; change: Change }

/** What a record counts, and what the names in it say that it should. */
function told(data: JsonObject): { counted: unknown; named: unknown; names: string[] } {
  const { both, ups, names: set } = data
  const value = (state: unknown) => (isJsonObject(state) && isCrdt(state) ? crdtValue(state) : 0)
  const named = (isJsonObject(set) ? gSet.value(set as never) : []) as { name: string; by: number }[]
  const sum = (each: (by: number) => number) => named.reduce((total, { by }) => total + each(by), 0)
  return {
    counted: { both: value(both), ups: value(ups) },
    named: { both: sum((by) => by), ups: sum(Math.abs) },
    names: named.map(({ name }) => name),
  }
}

/** Made on what a copy sends otherwise: the server that was restored takes the copy's, which this edit does not hold. */
const ofTwins: Step[] = [
  { kind: 'count', who: 0, record: 1, by: 3, isUrgent: false },
  { kind: 'copy', who: 0 },
  { kind: 'sync', who: 0, faults: ['lose_request', 'lose_request'] },
  { kind: 'apart', who: 0, record: 1, by: 1 },
  { kind: 'copy', who: 0 },
  { kind: 'count', who: 3, record: 0, by: 2, isUrgent: false },
  { kind: 'sync', who: 3, faults: [] },
  { kind: 'count', who: 0, record: 0, by: 1, isUrgent: false },
  { kind: 'sync', who: 0, faults: [] },
  { kind: 'server_restore' },
  { kind: 'count', who: 2, record: 1, by: 2, isUrgent: false },
  { kind: 'sync', who: 2, faults: [] },
  { kind: 'sync', who: 0, faults: [] },
]

test('over copies, refusals, replays, backups and restores a counter is the sum of what was added', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
      const play = new Play()
      await play.begin()
      for (const step of steps) {
        await play.take(step)
        for (const row of play.bench.server.rows.values()) {
          const { counted, named } = told(row.data ?? {})
          expect(counted).toEqual(named)
        }
      }
      await play.heal()
      const names = new Set<string>()
      for (const row of play.bench.server.rows.values()) {
        const { counted, named, names: here } = told(row.data ?? {})
        expect(counted).toEqual(named)
        for (const name of here) names.add(name)
      }
      // And nothing that was counted is missing there.
      expect([...play.made.keys()].filter((name) => !names.has(name))).toEqual([])
    }),
    { numRuns: 150, examples: [[ofTwins]] },
  )
}, 120_000)
