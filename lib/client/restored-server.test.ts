import { describe, expect, test } from 'vitest'
import type { Device, MemoryStore } from './index.ts'
import { backUpBeforeLast } from './testing/backups.ts'
import { createBench, type Bench } from './testing/bench.ts'
import { crashAtEveryWrite } from './testing/crash.ts'
import { pushes } from './testing/pushes.ts'

const T = 'inspections'
const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

/** The operations of every sync request that carried some. */
function carried(bench: Bench, from = 0) {
  return pushes(bench.server, from).filter((changes) => changes.length > 0)
}

/** What each request asked about that asked. */
function asked(bench: Bench, from: number) {
  return bench.server.requests.slice(from).flatMap(({ body }) => (body['confirm'] ? [body['confirm']] : []))
}

async function edit(device: Device, ...numbers: number[]) {
  for (const n of numbers) {
    await device.put({ table: T, id: id(n), data: { n } })
    await device.sync()
  }
}

/** Every record of the server, by number. */
function held(bench: Bench): number[] {
  return [...bench.server.rows.values()]
    .flatMap(({ data }) => (data ? [Number(data['n'])] : []))
    .toSorted((a, b) => a - b)
}

async function journalSize(store: MemoryStore): Promise<number> {
  return (await store.scan('journal', {})).length
}

async function expectWhole(bench: Bench, device: Device, numbers: number[]) {
  expect(held(bench)).toEqual(numbers)
  const shown = await device.list({ table: T })
  expect(shown.map((record) => record.data['n'])).toEqual(numbers)
  expect(shown.every((record) => record.syncStatus === 'synced')).toBe(true)
  expect(await device.overview()).toMatchObject({ pending: 0 })
  expect(new Set(bench.server.effects).size).toBe(bench.server.effects.length)
}

describe('a server restored to an older state', () => {
  test('gets what it had acknowledged again, as it was, before anything new', async () => {
    const bench = createBench()
    const { device, store } = await bench.device()
    await edit(device, 1)
    const backup = bench.server.backup()
    await edit(device, 2, 3)
    const before = carried(bench).flat()
    bench.server.restore(backup)
    const from = bench.server.requests.length
    await device.put({ table: T, id: id(4), data: { n: 4 } })
    expect(await device.sync()).toMatchObject({ outcome: 'complete', failure: null })
    const [refused, again] = carried(bench, from)
    expect(refused).toMatchObject([{ seq: 4 }])
    expect(again?.slice(0, 2)).toEqual(before.slice(1))
    await expectWhole(bench, device, [1, 2, 3, 4])
    expect(await journalSize(store)).toBe(4)
    const lives = new Set(bench.server.requests.flatMap(({ body }) => body['incarnation'] ?? []))
    expect(lives.size).toBe(1)
    expect(JSON.stringify(bench.server.requests.map((request) => request.body['status']))).toContain(
      'server_restored',
    )
  })

  test('gets it from a device that has nothing to push', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    await edit(device, 1)
    const backup = bench.server.backup()
    await edit(device, 2, 3)
    bench.server.restore(backup)
    expect(await device.sync()).toMatchObject({ outcome: 'complete' })
    await expectWhole(bench, device, [1, 2, 3])
  })

  test('is asked again only where there is a doubt', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    await edit(device, 1)
    const from = bench.server.requests.length
    await device.sync()
    expect(asked(bench, from)).toEqual([])
    bench.server.write(T, id(9), { n: 9 })
    bench.server.minPosition = 2
    await device.sync()
    // Before the full sync that is due, and when its rows and its token are here.
    expect(asked(bench, from)).toMatchObject([[{ seq: 1 }], [{ seq: 1 }]])
    expect(carried(bench, from)).toEqual([])
    expect(bench.server.effects).toHaveLength(1)
  })

  test('that lost only what no token covered yet is found out as well', async () => {
    const bench = createBench()
    bench.server.pageSize = 1
    const { device } = await bench.device()
    for (const n of [1, 2, 3]) bench.server.write(T, id(n), { n })
    const backup = bench.server.backup()
    await device.put({ table: T, id: id(4), data: { n: 4 } })
    bench.server.faults.push('none', { status: 503 })
    // The push is answered, its first page too; then the server is put back to just before it.
    device.subscribe((event) => {
      if (event.kind === 'answered' && bench.server.requests.length < 4) bench.server.restore(backup)
    })
    expect(await device.sync()).toMatchObject({ outcome: 'complete' })
    await expectWhole(bench, device, [1, 2, 3, 4])
  })

  test('lost an incarnation whole: everything kept goes again under a new one, in its order', async () => {
    const bench = createBench()
    const { device, store } = await bench.device({ seed: 1 })
    await edit(device, 1)
    const empty = bench.server.backup()
    const image = store.image()
    await edit(device, 2)
    const { createMemoryStore } = await import('./index.ts')
    const twin = (await bench.device({ seed: 2, store: createMemoryStore(image) })).device
    await edit(twin, 3, 4)
    bench.server.restore(empty)
    await edit(twin, 5)
    await expectWhole(bench, twin, [1, 3, 4, 5])
    expect(await device.sync()).toMatchObject({ outcome: 'complete' })
    await expectWhole(bench, device, [1, 2, 3, 4, 5])
  })

  test('may answer otherwise than the first time: a conflict, a refusal, a merge with what is there', async () => {
    const bench = createBench()
    bench.server.strategies = { [T]: 'manual' }
    const { device } = await bench.device()
    for (const n of [1, 2]) bench.server.write(T, id(n), { n })
    await device.sync()
    const backup = bench.server.backup()
    await device.put({ table: T, id: id(1), data: { n: 10 } })
    await device.put({ table: T, id: id(2), data: { n: 20 } })
    await device.put({ table: T, id: id(3), data: { n: 30 } })
    await device.sync()
    bench.server.restore(backup)
    bench.server.write(T, id(1), { n: 'theirs' })
    bench.server.refusals.set(id(3), [{ code: 'business_rule', retryable: false }])
    expect(await device.sync()).toMatchObject({ outcome: 'complete', conflicts: 1, rejected: 1 })
    expect(await device.conflicts()).toMatchObject([{ id: id(1), mine: { n: 10 } }])
    expect(await device.get({ table: T, id: id(1) })).toMatchObject({
      data: { n: 10 },
      serverData: { n: 'theirs' },
    })
    expect(bench.server.state(T, id(2))?.data).toEqual({ n: 20 })
    expect(await device.deadLetters()).toMatchObject([{ code: 'business_rule', operation: { id: id(3) } }])
  })

  test('refuses again what it had refused: one dead letter, and none where the app let go of it', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    await device.sync()
    const backup = bench.server.backup()
    const refuse = () => {
      for (const n of [1, 2]) bench.server.refusals.set(id(n), [{ code: 'business_rule', retryable: false }])
    }
    refuse()
    await edit(device, 1, 2)
    const [letter] = await device.deadLetters()
    await device.dismissDeadLetter(letter?.operation.opId ?? '')
    bench.server.restore(backup)
    refuse()
    bench.server.write(T, id(9), { n: 9 })
    bench.server.minPosition = 1
    await device.sync()
    expect(bench.server.deadLetters).toHaveLength(2)
    expect(await device.deadLetters()).toMatchObject([{ operation: { id: id(2) } }])
  })

  test('an operation it refuses for now holds up neither the others nor the full sync', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    await edit(device, 1)
    const backup = bench.server.backup()
    await edit(device, 2, 3)
    bench.server.restore(backup)
    bench.server.refusals.set(id(2), [{ code: 'throttled', retryable: true }])
    expect(await device.sync()).toMatchObject({ outcome: 'complete', rejected: 0 })
    await expectWhole(bench, device, [1, 2, 3])
  })

  test.each(['in a gap', 'below the end it knows'])(
    'gets what was repaired, and is open again %s',
    async (where) => {
      const bench = createBench()
      const { device } = await bench.device()
      await edit(device, 1)
      const refused = { code: 'throttled', retryable: true }
      const restore = backUpBeforeLast(bench.server, id(2), [refused, undefined])
      await edit(device, 2)
      if (where === 'in a gap') await edit(device, 3)
      expect(restore).not.toThrow()
      await edit(device, 4)
      await expectWhole(bench, device, where === 'in a gap' ? [1, 2, 3, 4] : [1, 2, 4])
    },
  )

  test('gets what was repaired and then refused for good, though neither token nor seq tells of it', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    const restore = backUpBeforeLast(bench.server, id(1), [
      { code: 'throttled', retryable: true },
      { code: 'business_rule', retryable: false },
    ])
    // A later one is answered before it comes again, and so lies beyond it in the stream.
    await device.put({ table: T, id: id(1), data: { n: 1 } })
    await device.put({ table: T, id: id(2), data: { n: 2 } })
    await device.sync()
    const [letter] = await device.deadLetters()
    expect(letter).toMatchObject({ code: 'business_rule' })
    const known = bench.server.deadLetters.length
    restore()
    expect(bench.server.deadLetters).toHaveLength(known - 1)
    bench.server.refusals.set(id(1), [{ code: 'business_rule', retryable: false }])
    await device.sync()
    expect(bench.server.deadLetters).toHaveLength(known)
    expect(await device.deadLetters()).toMatchObject([{ operation: { opId: letter!.operation.opId } }])
  })

  test('edits made on what it lost stand on the operation that made it', async () => {
    const bench = createBench()
    bench.server.strategies = { [T]: 'manual' }
    const { device } = await bench.device()
    await edit(device, 1)
    const backup = bench.server.backup()
    await device.put({ table: T, id: id(1), data: { n: 2 } })
    await device.sync()
    await device.put({ table: T, id: id(1), data: { n: 3 } })
    bench.server.restore(backup)
    expect(await device.sync()).toMatchObject({ outcome: 'complete', conflicts: 0 })
    await expectWhole(bench, device, [3])
  })

  test('loses nothing wherever the device dies', async () => {
    const points = await crashAtEveryWrite({
      async prepare(bench) {
        bench.server.chunkChanges = 2
        bench.server.snapshotPage = 2
        const { device, store } = await bench.device({ seed: 1 })
        await edit(device, 1)
        const backup = bench.server.backup()
        await edit(device, 2, 3, 4, 5)
        bench.server.restore(backup)
        await device.put({ table: T, id: id(6), data: { n: 6 } })
        return store
      },
      async act(device) {
        await device.sync()
      },
      async check(bench, device, store) {
        await expectWhole(bench, device, [1, 2, 3, 4, 5, 6])
        expect(await journalSize(store)).toBe(6)
      },
    })
    expect(points).toBeGreaterThan(8)
  })
})

describe('the journal', () => {
  const DAY_MS = 24 * 3_600_000
  const journal = { maxAgeMs: 10 * DAY_MS, maxBytes: 3_000 }

  test('forgets what is older than the offline window, and the oldest beyond its size', async () => {
    const bench = createBench()
    const { device, store } = await bench.device({ policy: { journal } })
    await edit(device, 1)
    bench.clock.ms += 9 * DAY_MS
    await edit(device, 2)
    expect(await journalSize(store)).toBe(2)
    bench.clock.ms += 2 * DAY_MS
    await device.sync()
    expect(await journalSize(store)).toBe(1)
    await edit(device, 3, 4, 5, 6, 7)
    await device.sync()
    const kept = (await store.scan('journal', {})).map((entry) => entry.value)
    expect(kept).toMatchObject([4, 5, 6, 7].map((n) => ({ operation: { data: { n } } })))
  })

  test('keeps what no token covers, whatever its size', async () => {
    const bench = createBench()
    bench.server.pageSize = 2
    bench.server.chunkChanges = 3
    const { device, store } = await bench.device({ policy: { journal: { ...journal, maxBytes: 1 } } })
    for (const n of [11, 12, 13, 14, 15]) bench.server.write(T, id(n), { n })
    for (const n of [1, 2, 3]) await device.put({ table: T, id: id(n), data: { n } })
    let most = 0
    device.subscribe(async (event) => {
      if (event.kind === 'answered') most = Math.max(most, await journalSize(store))
    })
    await device.sync()
    expect(most).toBe(3)
    await device.sync()
    expect(await journalSize(store)).toBe(0)
  })

  test('too short for what the server lost, sends what it has under a new incarnation', async () => {
    const bench = createBench()
    const { device } = await bench.device({ policy: { journal: { ...journal, maxBytes: 1_300 } } })
    await device.sync()
    const empty = bench.server.backup()
    await edit(device, 1, 2, 3, 4)
    bench.server.restore(empty)
    await edit(device, 5)
    expect(held(bench)).toEqual([3, 4, 5])
    expect(await device.overview()).toMatchObject({ pending: 0 })
  })
})

test.each(['conflict', 'refusal'] as const)('a %s that the server lost is there again', async (kind) => {
  const bench = createBench()
  bench.server.strategies = { [T]: 'manual' }
  const { device } = await bench.device()
  await device.put({ table: T, id: id(1), data: { n: 1 } })
  await device.sync()
  bench.server.write(T, id(1), { n: 2 })
  const backup = bench.server.backup()
  if (kind === 'refusal') bench.server.refusals.set(id(1), [{ code: 'business_rule', retryable: false }])
  await device.put({ table: T, id: id(1), data: { n: 3 } })
  await device.sync()
  // Neither left anything in the feed that a token could miss.
  bench.server.restore(backup)
  expect([bench.server.conflicts.size, bench.server.deadLetters]).toEqual([0, []])
  if (kind === 'refusal') bench.server.refusals.set(id(1), [{ code: 'business_rule', retryable: false }])
  expect(await device.sync()).toMatchObject({ outcome: 'complete' })
  expect([bench.server.conflicts.size, bench.server.deadLetters.length]).toEqual(
    kind === 'conflict' ? [1, 0] : [0, 1],
  )
  expect(await device.overview()).toMatchObject({ pending: 0 })
})
