import { expect, test } from 'vitest'
import { createMemoryStore } from './index.ts'
import { createBench } from './testing/bench.ts'

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

test('a server that lost what it had acknowledged gets a new incarnation', async () => {
  const bench = createBench()
  const { device } = await bench.device()
  await device.put({ table: T, id: id(1), data: { n: 1 } })
  await device.sync()
  await device.put({ table: T, id: id(2), data: { n: 2 } })
  bench.server.faults.push({ status: 409, code: 'seq_gap' })
  expect(await device.sync()).toMatchObject({ outcome: 'complete', accepted: 1 })
  expect(bench.server.requests.at(-1)?.body['changes']).toMatchObject([{ seq: 1, record_id: id(2) }])
})
