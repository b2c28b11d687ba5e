import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createBatcher } from './batcher.ts'

function recorder(options: { gatherMs?: number; maxBatch?: number }) {
  const written: number[][] = []
  const flush = async (items: number[]) => {
    await sleep(5)
    if (items.includes(13)) throw new Error('refused')
    written.push(items)
  }
  return { written, batcher: createBatcher({ flush, maxBatch: 3, maxWaiting: 10, ...options }) }
}

test('without company to wait for, an item goes at once, and what comes meanwhile goes together', async () => {
  const { written, batcher } = recorder({})
  await Promise.all([1, 2, 3].map((item) => batcher.add(item)))
  expect(written).toEqual([[1], [2, 3]])
})

test('what comes within the time to gather goes together; a full batch does not wait', async () => {
  const { written, batcher } = recorder({ gatherMs: 60_000 })
  const added = [1, 2, 3, 4].map((item) => batcher.add(item))
  await Promise.all(added)
  // The fourth came while the first three were being written.
  expect(written).toEqual([[1, 2, 3], [4]])
})

test('a flush waits for no time', async () => {
  const { written, batcher } = recorder({ gatherMs: 60_000 })
  const added = batcher.add(1)
  await batcher.flush()
  await added
  expect(written).toEqual([[1]])
  await batcher.flush()
})

test('after the time to gather it goes by itself', async () => {
  const { written, batcher } = recorder({ gatherMs: 10 })
  await batcher.add(1)
  expect(written).toEqual([[1]])
})

test('a batch that fails tells its own items; the next one is written', async () => {
  const { written, batcher } = recorder({ gatherMs: 1 })
  await expect(batcher.add(13)).rejects.toThrow('refused')
  await batcher.add(2)
  expect(written).toEqual([[2]])
})

test('more than may wait is refused', async () => {
  const { batcher } = recorder({ gatherMs: 60_000, maxBatch: 100 })
  const added = Array.from({ length: 10 }, (_, item) => batcher.add(item))
  await expect(batcher.add(99)).rejects.toThrow(RangeError)
  await batcher.flush()
  await Promise.all(added)
})
