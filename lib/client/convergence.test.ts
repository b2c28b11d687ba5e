import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createMemoryStore, type Device, type MemoryStore } from './index.ts'
import { createBench, type Bench } from './testing/bench.ts'
import type { Fault } from './testing/faults.ts'

const TABLES = ['merged-by-clock', 'first-wins', 'by-hand'] as const
const RECORDS = 4
const recordId = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

const device = fc.nat(2)
const record = fc.nat(RECORDS - 1)
const table = fc.nat(TABLES.length - 1)
const value = fc.nat(9)
const fault = fc.constantFrom<Fault>(
  'none',
  'lose_request',
  'lose_reply',
  'duplicate',
  'truncate',
  'corrupt_row',
  'forget_one',
  'hang',
  { status: 503 },
  { status: 429, code: 'throttled', retryAfterMs: 50 },
)

const kind = <K extends string>(name: K) => fc.constant(name)
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: kind('put'), device, table, record, value }) },
  { weight: 3, arbitrary: fc.record({ kind: kind('remove'), device, table, record }) },
  {
    weight: 8,
    arbitrary: fc.record({ kind: kind('sync'), device, faults: fc.array(fault, { maxLength: 3 }) }),
  },
  // An edit made while a sync is under way.
  { weight: 4, arbitrary: fc.record({ kind: kind('overlap'), device, table, record, value, fault }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: kind('refuse'),
      record,
      code: fc.constantFrom('throttled', 'checksum_mismatch', 'business_rule'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: kind('backup'), device }) },
  // Back to the backup, or, without one, a crash and a restart.
  { weight: 2, arbitrary: fc.record({ kind: kind('restore'), device }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('compact') }) },
)

interface Slot {
  device: Device
  store: MemoryStore
  backup: MemoryStore | null
}

function refOf({ table, record }: { table: number; record: number }) {
  return { table: TABLES[table] ?? TABLES[0], id: recordId(record) }
}

/** Runs the steps on three devices, then heals everything and lets every device sync until quiet. */
async function play(
  steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[],
): Promise<Bench & { slots: Slot[] }> {
  const bench = createBench()
  bench.server.strategies = { 'first-wins': 'fww', 'by-hand': 'manual' }
  bench.server.chunkChanges = 3
  bench.server.pageSize = 4
  bench.server.snapshotPage = 3
  let seed = 100
  // One retry only, so that syncs do fail and leave operations in flight.
  const policy = { backoff: { baseDelayMs: 10, maxDelayMs: 10, maxRetries: 1 } }
  const open = async (store: MemoryStore) => (await bench.device({ store, seed: seed++, policy })).device
  const slots: Slot[] = []
  for (let n = 0; n < 3; n++) {
    const store = createMemoryStore()
    slots.push({ device: await open(store), store, backup: null })
  }
  for (const each of steps) {
    bench.clock.ms += 1000
    const slot = slots['device' in each ? each.device : 0]
    if (!slot) continue
    switch (each.kind) {
      case 'put':
        await slot.device.put({ ...refOf(each), data: { value: each.value } })
        break
      case 'remove':
        await slot.device.remove(refOf(each))
        break
      case 'sync':
        bench.server.faults.push(...each.faults)
        await slot.device.sync()
        bench.server.faults.length = 0
        break
      case 'overlap': {
        bench.server.faults.push(each.fault)
        const running = slot.device.sync()
        await slot.device.put({ ...refOf(each), data: { value: each.value } })
        await running
        bench.server.faults.length = 0
        break
      }
      case 'refuse': {
        const retryable = each.code !== 'business_rule'
        bench.server.refusals.set(recordId(each.record), [{ code: each.code, retryable }])
        break
      }
      case 'backup':
        slot.backup = createMemoryStore(slot.store.image())
        break
      case 'restore':
        slot.store = slot.backup ?? createMemoryStore(slot.store.image())
        slot.backup = null
        slot.device = await open(slot.store)
        break
      case 'compact':
        bench.server.minPosition = bench.server.feed.length
        break
    }
  }
  bench.server.faults.length = 0
  bench.server.refusals.clear()
  for (let round = 0; round < 2; round++) {
    for (const slot of slots) {
      bench.clock.ms += 600_000
      expect(await slot.device.sync()).toMatchObject({ outcome: 'complete' })
    }
  }
  return { ...bench, slots }
}

test('after any faults, every device agrees with the server, and nothing happened twice or got lost', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 80 }), async (steps) => {
      const { server, slots } = await play(steps)
      // ExactlyOnce: an operation took effect once at most, however often it was sent.
      expect(new Set(server.effects).size).toBe(server.effects.length)
      for (const { device, store } of slots) {
        expect(await device.overview()).toMatchObject({ pending: 0, state: 'IDLE' })
        // Nothing is left behind in the queue's books.
        for (const collection of ['operations', 'outbox', 'inflight'] as const) {
          expect(await store.scan(collection, {})).toEqual([])
        }
        for (const table of TABLES) {
          for (let n = 0; n < RECORDS; n++) {
            const record = await device.get({ table, id: recordId(n) })
            const truth = server.state(table, recordId(n))
            if (record && record.syncStatus === 'conflict') {
              // NoSilentLoss: what did not get through is still here, beside what the server has.
              expect(record.conflict?.mine).toEqual(record.data)
              expect(record.serverData).toEqual(truth?.data ?? null)
            } else if (record) {
              expect(record).toMatchObject({
                data: truth?.data,
                serverVersion: truth?.version,
                syncStatus: 'synced',
              })
            } else {
              const conflicts = await device.conflicts()
              const wantsItGone = conflicts.some(
                (mark) => mark.table === table && mark.id === recordId(n) && mark.mine === null,
              )
              expect(wantsItGone || (truth?.data ?? null) === null).toBe(true)
            }
          }
        }
      }
    }),
    { numRuns: 200 },
  )
}, 60_000)
