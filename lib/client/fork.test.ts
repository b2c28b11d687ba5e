import { expect, test } from 'vitest'
import { createMemoryStore } from './index.ts'
import { createBench } from './testing/bench.ts'
import { crashAtEveryWrite } from './testing/crash.ts'

const T = 'inspections'
const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

test('a store restored from a backup starts a new life; nothing is lost, nothing applied twice', async () => {
  const bench = createBench()
  const { device, store } = await bench.device({ seed: 1 })
  await device.put({ table: T, id: id(1), data: { n: 1 } })
  const backup = store.image()
  await device.sync()
  await device.put({ table: T, id: id(2), data: { n: 2 } })
  await device.sync()
  const restored = await bench.device({ seed: 2, store: createMemoryStore(backup) })
  await restored.device.put({ table: T, id: id(3), data: { n: 3 } })
  expect(await restored.device.sync()).toMatchObject({ outcome: 'complete' })
  expect(restored.device.id).toBe(device.id)
  expect([1, 2, 3].map((n) => bench.server.state(T, id(n))?.version)).toEqual([1, 1, 1])
  const lives = new Set(bench.server.requests.slice(1).map((request) => request.body['incarnation']))
  expect(lives.size).toBe(2)
})

test('a clone and its original both get everything through', async () => {
  const bench = createBench()
  const { device, store } = await bench.device({ seed: 1 })
  await device.put({ table: T, id: id(1), data: { n: 1 } })
  await device.sync()
  const clone = (await bench.device({ seed: 2, store: createMemoryStore(store.image()) })).device
  for (let round = 0; round < 3; round++) {
    await device.put({ table: T, id: id(10 + round), data: { from: 'original' } })
    await clone.put({ table: T, id: id(20 + round), data: { from: 'clone' } })
    expect(await device.sync()).toMatchObject({ outcome: 'complete' })
    expect(await clone.sync()).toMatchObject({ outcome: 'complete' })
  }
  await device.sync()
  expect(await device.list({ table: T })).toEqual(
    (await clone.list({ table: T })).map((record) => expect.objectContaining({ data: record.data })),
  )
  expect(bench.server.rows.size).toBe(7)
  expect(bench.server.effects).toHaveLength(7)
})

test('an edit that the twin sent otherwise under the same id goes under an id of its own', async () => {
  const bench = createBench()
  bench.server.strategies = { [T]: 'manual' }
  const { device, store } = await bench.device({ seed: 1 })
  await device.put({ table: T, id: id(1), data: { n: 1 } })
  await device.put({ table: T, id: id(2), data: { n: 'as it was' } })
  const image = store.image()
  await device.put({ table: T, id: id(2), data: { n: 'as it became' } })
  await device.sync()
  const restored = await bench.device({ seed: 2, store: createMemoryStore(image) })
  expect(await restored.device.sync()).toMatchObject({ outcome: 'complete', rejected: 0, conflicts: 1 })
  expect(bench.server.state(T, id(2))?.data).toEqual({ n: 'as it became' })
  expect(await restored.device.conflicts()).toMatchObject([{ id: id(2), mine: { n: 'as it was' } }])
  expect(await restored.device.overview()).toMatchObject({ pending: 0 })
  expect(await restored.store.scan('inflight', {})).toEqual([])
})

test('a store put back while operations were under way repeats them, and they count once', async () => {
  const bench = createBench()
  const { device, store } = await bench.device({ seed: 1 })
  await device.put({ table: T, id: id(1), data: { n: 1 } })
  bench.server.faults.push('lose_reply', 'lose_request')
  const running = device.sync()
  await running
  const image = store.image()
  await device.put({ table: T, id: id(1), data: { n: 2 } })
  await device.sync()
  const restored = (await bench.device({ seed: 2, store: createMemoryStore(image) })).device
  await restored.put({ table: T, id: id(3), data: { n: 3 } })
  expect(await restored.sync()).toMatchObject({ outcome: 'complete' })
  expect((await restored.list({ table: T })).map((record) => record.data['n'])).toEqual([2, 3])
  expect(bench.server.effects).toHaveLength(3)
})

test('dividing from a twin loses nothing wherever the device dies', async () => {
  const points = await crashAtEveryWrite({
    async prepare(bench) {
      bench.server.strategies = { [T]: 'manual' }
      const { device, store } = await bench.device({ seed: 1 })
      for (const n of [1, 2, 3]) await device.put({ table: T, id: id(n), data: { n } })
      const image = store.image()
      await device.put({ table: T, id: id(3), data: { n: 'otherwise' } })
      await device.sync()
      await device.put({ table: T, id: id(4), data: { n: 4 } })
      await device.sync()
      return createMemoryStore(image)
    },
    async act(device) {
      await device.sync()
    },
    async check(bench, device) {
      expect([1, 2, 3, 4].map((n) => bench.server.state(T, id(n))?.data?.['n'])).toEqual([
        1,
        2,
        'otherwise',
        4,
      ])
      expect(await device.conflicts()).toMatchObject([{ id: id(3), mine: { n: 3 } }])
      expect(await device.overview()).toMatchObject({ pending: 0 })
      expect(new Set(bench.server.effects).size).toBe(bench.server.effects.length)
    },
  })
  expect(points).toBeGreaterThan(4)
})

test('an edit that is refused in the next life waits as a dead letter, and is not sent for ever', async () => {
  const bench = createBench()
  const { device, store } = await bench.device({ seed: 1 })
  const image = store.image()
  await device.put({ table: T, id: id(1), data: { n: 1 } })
  await device.sync()
  const restored = await bench.device({ seed: 2, store: createMemoryStore(image) })
  await restored.device.put({ table: T, id: id(2), data: { n: 2 } })
  bench.server.refusals.set(
    id(2),
    Array.from({ length: 3 }, () => ({ code: 'invalid_change', retryable: false })),
  )
  await restored.device.sync()
  expect(await restored.device.deadLetters()).toMatchObject([{ code: 'invalid_change' }])
  expect(await restored.device.overview()).toMatchObject({ pending: 0 })
})
