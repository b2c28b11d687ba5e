import fc from 'fast-check'
import { expect, test } from 'vitest'
import { jsonEqual } from '#lib/core/json.ts'
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
  { weight: 1, arbitrary: fc.record({ kind: kind('server_backup') }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('server_restore') }) },
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
): Promise<Bench & { slots: Slot[]; isForgetful: boolean }> {
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
  let serverBackup = bench.server.backup()
  // Both a server and a device went back in time: what only they knew is gone.
  let isForgetful = false
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
        isForgetful ||= slot.backup !== null
        slot.store = slot.backup ?? createMemoryStore(slot.store.image())
        slot.backup = null
        slot.device = await open(slot.store)
        break
      case 'compact':
        bench.server.minPosition = bench.server.feed.length
        break
      case 'server_backup':
        serverBackup = bench.server.backup()
        break
      case 'server_restore':
        bench.server.restore(serverBackup)
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
  return { ...bench, slots, isForgetful }
}

/** How a device differs from the server, in words; nothing when it agrees. */
async function differences({ device, store }: Slot, { server }: Bench): Promise<string[]> {
  const found: string[] = []
  const { pending, state } = await device.overview()
  if (pending > 0 || state !== 'IDLE') found.push(`${pending} pending in state ${state}`)
  for (const collection of ['operations', 'outbox', 'inflight'] as const) {
    const left = await store.scan(collection, {})
    if (left.length > 0) found.push(`${left.length} left in ${collection}`)
  }
  const conflicts = await device.conflicts()
  for (const table of TABLES) {
    for (let n = 0; n < RECORDS; n++) {
      const ref = { table, id: recordId(n) }
      const shown = await device.get(ref)
      const truth = server.state(table, ref.id)
      const mark = conflicts.findLast((each) => each.table === table && each.id === ref.id)
      // NoSilentLoss: what did not get through is still shown, beside what the server has.
      const expected = mark ? mark.mine : (truth?.data ?? null)
      if (!jsonEqual(shown?.data ?? null, expected)) {
        found.push(`${table} ${n} shows ${JSON.stringify(shown?.data)}, not ${JSON.stringify(expected)}`)
      }
      if (shown && !jsonEqual(shown.serverData, truth?.data ?? null))
        found.push(`${table} ${n}: old server data`)
      if (shown && !mark && shown.serverVersion !== truth?.version) found.push(`${table} ${n}: old version`)
      if (shown && shown.syncStatus !== (mark ? 'conflict' : 'synced'))
        found.push(`${table} ${n}: ${shown.syncStatus}`)
    }
  }
  return found
}

test('after any faults, every device agrees with the server, and nothing happened twice or got lost', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 80 }), async (steps) => {
      const bench = await play(steps)
      const { effects } = bench.server
      // ExactlyOnce: an operation took effect once at most, however often it was sent.
      expect(new Set(effects).size).toBe(effects.length)
      // AckDurable: what took effect once is known in the end, whatever the server forgot meanwhile.
      expect(bench.isForgetful ? [] : bench.server.forgotten()).toEqual([])
      for (const slot of bench.slots) expect(await differences(slot, bench)).toEqual([])
    }),
    { numRuns: 100 },
  )
}, 60_000)
