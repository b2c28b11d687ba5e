import { expect, test } from 'vitest'
import { createBench } from './testing/bench.ts'

// A refused edit that its device sends again.

const T = 'inspections'
const ID = '00000000-0000-4000-8000-000000000001'
const ref = { table: T, id: ID }

/** A device whose edit of field `a` was refused for good. */
async function refused() {
  const bench = createBench()
  bench.server.strategies = { [T]: 'crdt' }
  bench.server.write(T, ID, { a: 1, b: 1 })
  const { device } = await bench.device()
  await device.sync()
  await device.patch(ref, { set: { a: 2 } })
  bench.server.refusals.set(ID, [{ code: 'business_rule', retryable: false }])
  await device.sync()
  const [letter] = await device.deadLetters()
  return { bench, device, opId: letter?.operation.opId ?? '' }
}

test('goes as the older edit that it is, and takes nothing away of a newer one that waits', async () => {
  const { bench, device, opId } = await refused()
  await device.patch(ref, { set: { b: 2 } })
  expect(await device.retryDeadLetter(opId)).toBe(true)
  await device.sync()
  expect(bench.server.state(T, ID)).toMatchObject({ data: { a: 2, b: 2 } })
  expect(await device.get(ref)).toMatchObject({ data: { a: 2, b: 2 }, syncStatus: 'synced' })
})

test('takes nothing away of what others wrote since', async () => {
  const { bench, device, opId } = await refused()
  bench.server.write(T, ID, { a: 1, b: 'theirs' })
  await device.sync()
  await device.retryDeadLetter(opId)
  await device.sync()
  expect(bench.server.state(T, ID)).toMatchObject({ data: { a: 2, b: 'theirs' } })
})

test('what a person corrects is made on the record as it is shown', async () => {
  const { bench, device, opId } = await refused()
  bench.server.write(T, ID, { a: 1, b: 'theirs' })
  await device.sync()
  await device.retryDeadLetter(opId, { a: 3, b: 'mine' })
  await device.sync()
  expect(bench.server.state(T, ID)).toMatchObject({ data: { a: 3, b: 'mine' } })
})
