import { describe, expect, test } from 'vitest'
import type { Write } from './index.ts'
import { createBench } from './testing/bench.ts'
import { crashAtEveryWrite } from './testing/crash.ts'
import type { MemoryStore } from './index.ts'

const T = 'inspections'
const DAY_MS = 24 * 3_600_000
const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

/** Changes rows in the store behind the library's back, as a failing disk does. */
async function damage(store: MemoryStore, change: (value: object, key: string) => Write | null) {
  const rows = await store.scan('records', {})
  await store.write(rows.flatMap(({ key, value }) => change(value as object, key) ?? []))
}

const lost = (n: number) => (_: object, key: string) =>
  key.endsWith(id(n)) ? ({ kind: 'delete', collection: 'records', key } as const) : null

async function threeRecords() {
  const bench = createBench()
  for (const n of [1, 2, 3]) bench.server.write(T, id(n), { n })
  const { device, store } = await bench.device()
  await device.sync()
  return { bench, device, store }
}

const asked = (bench: ReturnType<typeof createBench>) =>
  bench.server.requests.filter(({ path }) => path === '/api/v1/digest').length

describe('comparing the rows with the server', () => {
  test('finds nothing where they agree, whatever is pending', async () => {
    const { bench, device } = await threeRecords()
    await device.put({ table: T, id: id(1), data: { n: 10 } })
    await device.put({ table: 'other', id: id(4), data: { n: 4 } })
    bench.server.refusals.set(id(4), [{ code: 'business_rule', retryable: false }])
    expect(await device.verify()).toMatchObject({ differing: {}, isRepairing: false })
    expect(bench.server.requests.some(({ path }) => path.startsWith('/api/v1/snapshot'))).toBe(false)
  })

  test('finds a row that is missing, one that is old, and one whose content is another; fetches all anew', async () => {
    const { bench, device, store } = await threeRecords()
    await damage(store, lost(1))
    await damage(store, (value, key) => {
      if (!('server' in value) || key.endsWith(id(1))) return null
      const changed = key.endsWith(id(2)) ? { version: 7 } : { checksum: 'another' }
      const server = { ...(value.server as object), ...changed }
      return { kind: 'put', collection: 'records', key, value: { ...value, server } }
    })
    expect(await device.verify()).toMatchObject({ differing: { default: 3 }, isRepairing: true })
    expect((await device.list({ table: T })).map(({ data }) => data['n'])).toEqual([1, 2, 3])
    expect(await device.verify()).toMatchObject({ differing: {} })
    expect(JSON.stringify(bench.server.requests.map(({ body }) => body['status']))).toContain('rows_differ')
  })

  test('happens by itself once a day', async () => {
    const { bench, device, store } = await threeRecords()
    await device.sync()
    expect(asked(bench)).toBe(0)
    await damage(store, lost(2))
    bench.clock.ms += DAY_MS
    expect(await device.sync()).toMatchObject({ outcome: 'complete', digest: { differing: { default: 1 } } })
    expect(await device.list({ table: T })).toHaveLength(3)
    await device.sync()
    expect(asked(bench)).toBe(1)
  })

  test('that fails is no failure of the sync', async () => {
    const { bench, device } = await threeRecords()
    bench.server.faults.push('none', { status: 503 }, 'none')
    bench.clock.ms += DAY_MS
    expect(await device.sync()).toMatchObject({ outcome: 'complete', failure: null, digest: null })
  })

  test('puts things right wherever the device dies', async () => {
    const points = await crashAtEveryWrite({
      async prepare(bench) {
        for (const n of [1, 2, 3]) bench.server.write(T, id(n), { n })
        bench.server.snapshotPage = 2
        const { device, store } = await bench.device({ seed: 1 })
        await device.sync()
        await device.put({ table: T, id: id(3), data: { n: 30 } })
        await damage(store, lost(1))
        return store
      },
      async act(device) {
        await device.verify()
      },
      async check(_, device) {
        await device.verify()
        expect((await device.list({ table: T })).map(({ data }) => data['n'])).toEqual([1, 2, 30])
      },
    })
    expect(points).toBeGreaterThan(3)
  })
})
