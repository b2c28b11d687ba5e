import { expect, test } from 'vitest'
import { createMemoryStore, type Device } from './index.ts'
import { backUpBeforeLast } from './testing/backups.ts'
import { createBench } from './testing/bench.ts'

const T = 'inspections'
const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

async function edit(device: Device, ...numbers: number[]) {
  for (const n of numbers) {
    await device.put({ table: T, id: id(n), data: { n } })
    await device.sync()
  }
}

test.each([
  ['is met by seq_gap', [4], [2, 3, 5]],
  ['forks on its next edit', [4, 5, 6], [2, 3]],
  ['goes on just where its twin ended', [4, 5], [2, 3]],
])('a restored server took a twin’s operations where this store’s were: it %s', async (_, ofTwin, own) => {
  const bench = createBench()
  const { device, store } = await bench.device({ seed: 1 })
  await edit(device, 1)
  const backup = bench.server.backup()
  const image = store.image()
  await edit(device, ...own)
  bench.server.restore(backup)
  const twin = (await bench.device({ seed: 2, store: createMemoryStore(image) })).device
  await edit(twin, ...ofTwin)
  await edit(device, 7)
  await device.sync()
  const held = [...bench.server.rows.values()].map(({ data }) => Number(data?.['n']))
  expect(new Set(held)).toEqual(new Set([1, ...own, ...ofTwin, 7]))
})

test('a restored server that takes the question as new is asked about what came before it', async () => {
  const bench = createBench()
  const { device, store } = await bench.device({ seed: 1 })
  await edit(device, 1)
  const backup = bench.server.backup()
  const twin = (await bench.device({ seed: 2, store: createMemoryStore(store.image()) })).device
  await edit(device, 2, 3, 4)
  bench.server.restore(backup)
  await edit(twin, 5, 6)
  await device.sync()
  const held = [...bench.server.rows.values()].map(({ data }) => Number(data?.['n']))
  expect(new Set(held)).toEqual(new Set([1, 2, 3, 4, 5, 6]))
})

test('a restored server that answers a new life is asked about the one before', async () => {
  const bench = createBench()
  const { device } = await bench.device()
  await edit(device, 1)
  const backup = bench.server.backup()
  await edit(device, 2, 3)
  // A change that no request can carry ends the life.
  bench.server.maxBodyLength = 3_000
  await device.put({ table: T, id: id(9), data: { n: 'x'.repeat(5_000) } })
  await device.sync()
  bench.server.maxBodyLength = Infinity
  bench.server.restore(backup)
  await edit(device, 4)
  const held = [...bench.server.rows.values()].map(({ data }) => Number(data?.['n']))
  expect(new Set(held)).toEqual(new Set([1, 2, 3, 4]))
})

test.each([
  ['taken', []],
  ['refused', [{ code: 'business_rule', retryable: false }]],
])(
  'what a twin sent otherwise under its op id, and had %s, is not asked about for ever',
  async (_, refusals) => {
    const bench = createBench()
    const { device, store } = await bench.device({ seed: 1 })
    await edit(device, 1)
    bench.server.maxBodyLength = 3_000
    // It ends the life of both, before either is told that it is one of two.
    await device.put({ table: T, id: id(9), data: { n: 'x'.repeat(5_000) } })
    await device.put({ table: T, id: id(2), data: { n: 2 } })
    const twin = (await bench.device({ seed: 2, store: createMemoryStore(store.image()) })).device
    await twin.put({ table: T, id: id(2), data: { n: 3 } })
    bench.server.refusals.set(id(2), [...refusals])
    await twin.sync()
    await device.sync()
    const codes = (await device.deadLetters()).map(({ code }) => code)
    expect(codes.toSorted()).toEqual(['invalid_change', 'record_too_large'])
    const before = bench.server.requests.length
    // Where it asks for ever, it is sent away.
    bench.server.faults.push(...Array.from({ length: 20 }, () => 'none' as const), { status: 401 })
    expect(await device.sync()).toMatchObject({ outcome: 'complete' })
    expect(bench.server.requests.length - before).toBeLessThan(4)
    await edit(device, 4)
    expect(bench.server.state(T, id(4))?.data).toEqual({ n: 4 })
  },
)

test('a restored server that answers a new life is asked for what was repaired in the one before', async () => {
  const bench = createBench()
  const { device } = await bench.device()
  const [throttled, refused] = [
    { code: 'throttled', retryable: true },
    { code: 'business_rule', retryable: false },
  ]
  const restore = backUpBeforeLast(bench.server, id(1), [throttled, refused])
  await device.put({ table: T, id: id(1), data: { n: 1 } })
  await device.put({ table: T, id: id(2), data: { n: 2 } })
  await device.sync()
  expect(bench.server.deadLetters).toHaveLength(1)
  restore()
  bench.server.refusals.set(id(1), [refused])
  // An edit waits for what is open again, which this device takes for a twin's; the feed has more to tell first.
  bench.server.refusals.set(id(3), [{ code: 'dependency_pending', retryable: true }])
  bench.server.pageSize = 1
  for (const n of [8, 9]) bench.server.write(T, id(n), { n })
  await edit(device, 3)
  expect(bench.server.deadLetters).toHaveLength(1)
  expect(await device.overview()).toMatchObject({ pending: 0 })
})

/** A device and its copy hold one unsent operation, n: 2; the device had another answered before that, and then both were lost. */
async function lostBelow(bench: ReturnType<typeof createBench>, code?: string) {
  const { device, store } = await bench.device({ seed: 1 })
  await edit(device, 1)
  await device.put({ table: T, id: id(2), data: { n: 2 } })
  const twin = (await bench.device({ seed: 2, store: createMemoryStore(store.image()) })).device
  const backup = bench.server.backup()
  if (code) bench.server.refusals.set(id(3), [{ code, retryable: false }])
  await device.put({ table: T, id: id(3), data: { n: 3 }, priority: 'critical' })
  await device.sync()
  bench.server.restore(backup)
  if (code) bench.server.refusals.set(id(3), [{ code, retryable: false }])
  // It takes the place of the other, and the next one of this device is known again.
  await twin.sync()
  return device
}

test.each([true, false])(
  'a twin’s sending of the very same says nothing of what was lost below it; asked: %s',
  async (confirms) => {
    const bench = createBench()
    bench.server.confirms = confirms
    const device = await lostBelow(bench)
    expect(bench.server.state(T, id(3))).toBeUndefined()
    expect(await device.sync()).toMatchObject({ outcome: 'complete' })
    const held = [...bench.server.rows.values()].map(({ data }) => Number(data?.['n']))
    expect(new Set(held)).toEqual(new Set([1, 2, 3]))
    expect(await device.overview()).toMatchObject({ pending: 0 })
  },
)

test.each([[[]], [[4]], [[4, 5]]])('nor of a refusal that was lost; it goes on with %j', async (more) => {
  const bench = createBench()
  const device = await lostBelow(bench, 'business_rule')
  expect(bench.server.deadLetters).toEqual([])
  await edit(device, ...more)
  await device.sync()
  expect(bench.server.deadLetters).toHaveLength(1)
  expect(await device.deadLetters()).toHaveLength(1)
})

test('a refusal that nothing in the feed shows is asked for with the next operation, and no more after that', async () => {
  const bench = createBench()
  const { device } = await bench.device()
  await edit(device, 1)
  bench.server.refusals.set(id(2), [{ code: 'business_rule', retryable: false }])
  await edit(device, 2)
  const from = bench.server.requests.length
  await device.sync()
  await edit(device, 3)
  await device.sync()
  const asked = bench.server.requests
    .slice(from)
    .map(({ body }) => (body['confirm'] as object[] | undefined)?.length ?? 0)
  expect(asked).toEqual([1, 1, 0])
})

test('a server that lost more than one request asks about gets all of it, in its order', async () => {
  const bench = createBench()
  const { device } = await bench.device()
  const empty = bench.server.backup()
  for (let n = 1; n <= 501; n++) await device.put({ table: T, id: id(n), data: { n } })
  await device.sync()
  await device.put({ table: T, id: id(1), data: { n: 0 } })
  await device.sync()
  bench.server.restore(empty)
  expect(await device.sync()).toMatchObject({ outcome: 'complete' })
  expect(bench.server.state(T, id(1))?.data).toEqual({ n: 0 })
  expect(bench.server.rows.size).toBe(501)
})

test('a refusal that was lost is found out behind more of them than one request asks about', async () => {
  const bench = createBench()
  const { device } = await bench.device()
  await edit(device, 1)
  const refuse = async (...numbers: number[]) => {
    for (const n of numbers) {
      bench.server.refusals.set(id(n), [{ code: 'business_rule', retryable: false }])
      await device.put({ table: T, id: id(n), data: { n } })
    }
    await device.sync()
  }
  await refuse(...Array.from({ length: 500 }, (_, n) => n + 2))
  const backup = bench.server.backup()
  await refuse(502)
  bench.server.restore(backup)
  bench.server.refusals.set(id(502), [{ code: 'business_rule', retryable: false }])
  await device.sync()
  expect(bench.server.deadLetters).toHaveLength(501)
})
