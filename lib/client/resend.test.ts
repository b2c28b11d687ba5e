import { expect, test } from 'vitest'
import { createBench } from './testing/bench.ts'
import { pushes } from './testing/pushes.ts'

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

test('names what it holds: as it was, corrected, and in the edit that was made on it', async () => {
  const { bench, device, opId } = await refused()
  await device.retryDeadLetter(opId)
  // The edit after it is made on it, and goes when it is refused again.
  bench.server.refusals.set(ID, [
    { code: 'throttled', retryable: true },
    { code: 'business_rule', retryable: false },
  ])
  bench.server.faults.push('none', { status: 401, code: 'unauthenticated' })
  await device.sync()
  await device.patch(ref, { set: { b: 2 } })
  await device.sync()
  const [again, , after] = pushes(bench.server).flat().slice(1)
  expect([again, after]).toMatchObject([
    { contains: [opId], data: { a: 2, b: 1 } },
    { contains: [opId, again?.op_id], data: { a: 2, b: 2 } },
  ])
  const [letter] = await device.deadLetters()
  expect(letter?.operation.opId).toBe(again?.op_id)
  await device.retryDeadLetter(letter?.operation.opId ?? '', { a: 4, b: 4 })
  await device.sync()
  expect(pushes(bench.server).flat().at(-1)).toMatchObject({
    ...{ contains: [opId, again?.op_id], data: { a: 4, b: 4 } },
  })
})
