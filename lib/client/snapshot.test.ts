import { describe, expect, test } from 'vitest'
import { createMemoryStore, StorageFullError, type MemoryStore, type Storage } from './index.ts'
import { createBench } from './testing/bench.ts'
import { crashAtEveryWrite } from './testing/crash.ts'
import { pushes } from './testing/pushes.ts'

const T = 'inspections'
const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

async function values(device: { list(where: { table: string }): Promise<readonly { data: object }[]> }) {
  return (await device.list({ table: T })).map((record) => record.data)
}

/** How many rows a store holds, of whatever generation. */
async function rowCount(store: MemoryStore): Promise<number> {
  return (await store.scan('records', {})).length
}

describe('full sync', () => {
  test('a new device starts with one where the log no longer reaches back', async () => {
    const bench = createBench()
    for (const n of [1, 2, 3, 4, 5]) bench.server.write(T, id(n), { n })
    bench.server.minPosition = 5
    bench.server.snapshotPage = 2
    const { device } = await bench.device()
    expect(await device.sync()).toMatchObject({ outcome: 'complete', pulled: 5 })
    expect(await values(device)).toEqual([1, 2, 3, 4, 5].map((n) => ({ n })))
    bench.server.write(T, id(6), { n: 6 })
    expect(await device.sync()).toMatchObject({ pulled: 1, requests: 1 })
  })

  test('replaces every row, and keeps edits and conflicts', async () => {
    const bench = createBench()
    bench.server.strategies = { [T]: 'manual' }
    for (const n of [1, 2, 3, 4]) bench.server.write(T, id(n), { n })
    const { device, store } = await bench.device()
    await device.sync()
    bench.server.write(T, id(1), { n: 'theirs' })
    await device.put({ table: T, id: id(1), data: { n: 'mine' } })
    await device.sync()
    // The history is replaced: a record is gone, one is new, one changed, and the epoch is another.
    bench.server.rows.delete(JSON.stringify(['default', T, id(2)]))
    bench.server.write(T, id(5), { n: 5 })
    bench.server.epoch = 'epoch-2'
    bench.server.refusals.set(id(3), [{ code: 'throttled', retryable: true }])
    await device.put({ table: T, id: id(3), data: { n: 'pending' } })
    const seen: unknown[] = []
    device.subscribe((event) => {
      if (event.kind === 'transition' && event.to === 'RETRYING') {
        seen.push(device.get({ table: T, id: id(3) }))
      }
    })
    expect(await device.sync()).toMatchObject({ outcome: 'complete' })
    expect(await Promise.all(seen)).toMatchObject([{ data: { n: 'pending' } }])
    expect(await values(device)).toEqual([{ n: 'mine' }, { n: 'pending' }, { n: 4 }, { n: 5 }])
    expect(await device.get({ table: T, id: id(1) })).toMatchObject({
      syncStatus: 'conflict',
      serverData: { n: 'theirs' },
    })
    expect(await rowCount(store)).toBe(4)
  })

  test('the old rows show until the last page, and a broken-off full sync goes on where it was', async () => {
    const bench = createBench()
    for (const n of [1, 2, 3, 4]) bench.server.write(T, id(n), { n })
    const { device, store } = await bench.device({ seed: 1 })
    await device.sync()
    for (const n of [1, 2, 3, 4]) bench.server.write(T, id(n), { n: n * 10 })
    bench.server.minPosition = 8
    bench.server.snapshotPage = 2
    let crashed: MemoryStore | null = null
    device.subscribe((event) => {
      if (event.kind === 'progress' && event.pulled === 2) crashed ??= createMemoryStore(store.image())
    })
    await device.sync()
    if (!crashed) throw new Error('no page was seen')
    const again = (await bench.device({ seed: 3, store: crashed })).device
    expect(await values(again)).toEqual([1, 2, 3, 4].map((n) => ({ n })))
    const before = bench.server.requests.length
    expect(await again.sync()).toMatchObject({ outcome: 'complete', pulled: 2 })
    expect(bench.server.requests[before]?.path).toContain('cursor=')
    expect(await values(again)).toEqual([10, 20, 30, 40].map((n) => ({ n })))
    expect(await rowCount(crashed)).toBe(4)
  })

  test('a page with a row that does not match its checksum is asked for again', async () => {
    const bench = createBench()
    bench.server.write(T, id(1), { n: 1 })
    bench.server.minPosition = 1
    const { device } = await bench.device()
    bench.server.faults.push('none', 'corrupt_row')
    expect(await device.sync()).toMatchObject({ outcome: 'complete', retries: 1, pulled: 1 })
    expect(await values(device)).toEqual([{ n: 1 }])
  })

  test('a cursor the server no longer knows starts the full sync over', async () => {
    const bench = createBench()
    for (const n of [1, 2, 3]) bench.server.write(T, id(n), { n })
    bench.server.minPosition = 3
    bench.server.snapshotPage = 2
    const { device, store } = await bench.device()
    bench.server.faults.push('none', 'none', { status: 410, code: 'cursor_expired' })
    expect(await device.sync()).toMatchObject({ outcome: 'complete', pulled: 5 })
    expect(await values(device)).toEqual([1, 2, 3].map((n) => ({ n })))
    expect(await rowCount(store)).toBe(3)
  })
})

describe('turns, and room', () => {
  test('a device that waits for its turn pushes meanwhile, and asks again when it was told to', async () => {
    const bench = createBench()
    for (const n of [1, 2]) bench.server.write(T, id(n), { n })
    bench.server.minPosition = 2
    const { device } = await bench.device()
    const busy = { status: 429, code: 'throttled', retryAfterMs: 90_000 }
    // First the sync, then twelve times no turn: more than a failing request would be tried.
    bench.server.faults.push('none', ...Array.from({ length: 12 }, () => busy))
    const startedMs = bench.clock.ms
    const running = device.sync()
    let edited = false
    device.subscribe(async (event) => {
      if (event.kind !== 'transition' || event.to !== 'RETRYING' || edited) return
      edited = true
      bench.server.faults.unshift('none')
      await device.put({ table: T, id: id(3), data: { n: 3 }, priority: 'critical' })
    })
    let pushedAfterMs = 0
    device.subscribe((event) => {
      if (event.kind === 'answered') pushedAfterMs = bench.clock.ms - startedMs
    })
    expect(await running).toMatchObject({ outcome: 'complete', retries: 0 })
    expect(pushedAfterMs).toBeLessThan(90_000)
    expect(bench.clock.ms - startedMs).toBeGreaterThan(12 * 90_000 - 1)
    expect(await values(device)).toEqual([1, 2, 3].map((n) => ({ n })))
  })

  test('a device without room for it keeps what it has, frees what it took, and goes on pushing', async () => {
    const bench = createBench()
    for (const n of [1, 2, 3, 4]) bench.server.write(T, id(n), { n })
    bench.server.snapshotPage = 2
    let isFull = false
    const through = (store: MemoryStore): Storage => ({
      ...store,
      async write(writes) {
        const grows = writes.some((each) => each.kind === 'put' && each.key.startsWith('0000000000000002/'))
        if (isFull && grows && bench.server.requests.at(-1)?.path.includes('cursor=')) {
          throw new StorageFullError('no room')
        }
        return store.write(writes)
      },
    })
    const { device, store } = await bench.device({ through })
    await device.sync()
    for (const n of [1, 2, 3, 4]) bench.server.write(T, id(n), { n: n * 10 })
    bench.server.minPosition = 8
    isFull = true
    expect(await device.sync()).toMatchObject({ outcome: 'failed', failure: { code: 'device_storage_full' } })
    expect(await values(device)).toEqual([1, 2, 3, 4].map((n) => ({ n })))
    expect(await rowCount(store)).toBe(4)
    await device.put({ table: T, id: id(5), data: { n: 5 } })
    await device.sync()
    expect(bench.server.state(T, id(5))?.data).toEqual({ n: 5 })
    isFull = false
    bench.clock.ms += 60_000
    expect(await device.sync()).toMatchObject({ outcome: 'complete' })
    expect(await values(device)).toEqual([10, 20, 30, 40, 5].map((n) => ({ n })))
  })

  test('wherever it breaks off, edits made meanwhile survive and the rows are swapped whole', async () => {
    const points = await crashAtEveryWrite({
      async prepare(bench) {
        for (const n of [1, 2, 3, 4, 5]) bench.server.write(T, id(n), { n })
        const { device, store } = await bench.device({ seed: 1 })
        await device.sync()
        await device.put({ table: T, id: id(1), data: { n: 'before' } })
        for (const n of [2, 3, 4, 5]) bench.server.write(T, id(n), { n: n * 10 })
        bench.server.minPosition = 9
        bench.server.snapshotPage = 2
        return store
      },
      async act(device, bench) {
        let edits = 0
        const made: Promise<unknown>[] = []
        device.subscribe((event) => {
          if (event.kind !== 'progress' || edits >= 3) return
          edits += 1
          made.push(device.put({ table: T, id: id(10 + edits), data: { n: edits } }).catch(() => undefined))
        })
        await device.sync()
        await Promise.all(made)
        bench.server.strategies = {}
      },
      async check(bench, device, store) {
        const shown = (await device.list({ table: T })).filter(({ id: own }) => own < id(10))
        expect(shown.map(({ data }) => data['n'])).toEqual(['before', 20, 30, 40, 50])
        for (const record of await device.list({ table: T })) {
          expect(record.data).toEqual(bench.server.state(T, record.id)?.data)
        }
        expect(await device.overview()).toMatchObject({ pending: 0 })
        expect(await rowCount(store)).toBe((await device.list({ table: T })).length)
      },
    })
    expect(points).toBeGreaterThan(8)
  })
})

test('a device that was away when a full sync was due asks for nothing that is too old for the server to know', async () => {
  const bench = createBench()
  const day = 24 * 3_600_000
  const { device, store } = await bench.device({
    policy: { journal: { maxAgeMs: 10 * day, maxBytes: 10_000 } },
  })
  await device.put({ table: T, id: id(1), data: { n: 1 } })
  await device.sync()
  for (const n of [2, 3]) bench.server.write(T, id(n), { n })
  bench.server.minPosition = 3
  const stop = device.subscribe((event) => {
    if (event.kind === 'transition' && event.to === 'RETRYING') device.stop()
  })
  // It was to ask whether the server still knows what it answered.
  bench.server.faults.push('none', 'lose_request')
  await device.sync()
  stop()
  expect(await store.scan('journal', {})).toHaveLength(1)
  bench.clock.ms += 11 * day
  const from = bench.server.requests.length
  expect(await device.sync()).toMatchObject({ outcome: 'complete' })
  expect(pushes(bench.server, from).flat()).toEqual([])
  expect(await values(device)).toEqual([1, 2, 3].map((n) => ({ n })))
})
