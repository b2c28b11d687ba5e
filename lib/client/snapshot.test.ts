import { describe, expect, test } from 'vitest'
import { createMemoryStore, type MemoryStore } from './index.ts'
import { createBench } from './testing/bench.ts'

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
