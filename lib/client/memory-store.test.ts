import { expect, test } from 'vitest'
import { createMemoryStore } from './memory-store.ts'
import { describeStorage } from './testing/storage-contract.ts'

describeStorage('memory store', async () => createMemoryStore())

test('an image is a copy: a store made from it goes its own way', async () => {
  const original = createMemoryStore()
  await original.write([{ kind: 'put', collection: 'meta', key: 'a', value: 1 }])
  const clone = createMemoryStore(original.image())
  await clone.write([{ kind: 'put', collection: 'meta', key: 'a', value: 2 }])
  expect(await original.get('meta', ['a'])).toEqual([1])
  expect(await clone.get('meta', ['a'])).toEqual([2])
  expect(await clone.sizeBytes()).toBe(await original.sizeBytes())
})
