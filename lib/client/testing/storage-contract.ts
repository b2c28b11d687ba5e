import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { COLLECTIONS, type Scan, type Storage, type Write } from '../ports.ts'

const put = (key: string, value: unknown): Write => ({ kind: 'put', collection: 'records', key, value })
const del = (key: string): Write => ({ kind: 'delete', collection: 'records', key })

/** What every store a device may run on has to do. Call it from the store's own test file. */
export function describeStorage(name: string, open: () => Promise<Storage>): void {
  describe('storage: ' + name, () => {
    let store: Storage
    beforeEach(async () => {
      store = await open()
    })
    const scanned = async (scan: Scan) => (await store.scan('records', scan)).map((entry) => entry.key)

    test('gives one result per key, in the order asked', async () => {
      await store.write([put('a', 1), put('b', { deep: [null, 'é'] })])
      expect(await store.get('records', ['b', 'missing', 'a'])).toEqual([{ deep: [null, 'é'] }, undefined, 1])
    })

    test('keeps collections apart', async () => {
      await store.write([put('a', 1), { kind: 'put', collection: 'meta', key: 'a', value: 2 }])
      expect(await store.get('records', ['a'])).toEqual([1])
      expect(await store.get('meta', ['a'])).toEqual([2])
      expect(await store.scan('outbox', {})).toEqual([])
    })

    test('has every collection, each with keys of its own, in one batch', async () => {
      await store.write(
        COLLECTIONS.map((collection) => ({ kind: 'put', collection, key: 'a', value: collection })),
      )
      for (const collection of COLLECTIONS) {
        expect(await store.scan(collection, {})).toEqual([{ key: 'a', value: collection }])
      }
    })

    test('applies the writes of one batch in order', async () => {
      await store.write([put('a', 1), put('a', 2), put('b', 1), del('b')])
      expect(await store.get('records', ['a', 'b'])).toEqual([2, undefined])
    })

    test('a batch with one value that cannot be kept changes nothing', async () => {
      await store.write([put('a', 1)])
      const impossible = [put('a', 2), put('b', 1), put('c', () => 0)]
      await expect(store.write(impossible)).rejects.toThrow()
      expect(await store.get('records', ['a', 'b'])).toEqual([1, undefined])
    })

    test('what was read or written is a copy', async () => {
      const value = { tags: ['a'] }
      await store.write([put('a', value)])
      value.tags.push('b')
      const [first] = (await store.get('records', ['a'])) as [{ tags: string[] }]
      first.tags.push('c')
      expect(await store.get('records', ['a'])).toEqual([{ tags: ['a'] }])
    })

    test('scans in key order, by prefix, after a key, up to a limit', async () => {
      await store.write(['b/2', 'a/9', 'b/10', 'b/1', 'c', 'b'].map((key) => put(key, key)))
      expect(await scanned({})).toEqual(['a/9', 'b', 'b/1', 'b/10', 'b/2', 'c'])
      expect(await scanned({ prefix: 'b/' })).toEqual(['b/1', 'b/10', 'b/2'])
      expect(await scanned({ prefix: 'b/', after: 'b/1' })).toEqual(['b/10', 'b/2'])
      expect(await scanned({ prefix: 'b/', after: 'b/10x', limit: 1 })).toEqual(['b/2'])
      expect(await scanned({ prefix: 'b/', after: 'a' })).toEqual(['b/1', 'b/10', 'b/2'])
      expect(await scanned({ limit: 2 })).toEqual(['a/9', 'b'])
      expect(await scanned({ after: 'c' })).toEqual([])
    })

    test('grows and shrinks in size', async () => {
      const empty = await store.sizeBytes()
      await store.write([put('a', 'x'.repeat(10_000))])
      expect(await store.sizeBytes()).toBeGreaterThanOrEqual(empty + 10_000)
    })

    test('behaves as a sorted map under any sequence of writes and scans', async () => {
      const key = fc.stringMatching(/^[ab/]{0,3}$/)
      const step = fc.oneof(
        fc.record({ kind: fc.constant('put' as const), key, value: fc.nat(99) }),
        fc.record({ kind: fc.constant('delete' as const), key }),
        fc.record({ kind: fc.constant('scan' as const), prefix: key, after: fc.option(key) }),
      )
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
          const fresh = await open()
          const model = new Map<string, number>()
          const given: unknown[] = []
          const expected: unknown[] = []
          for (const each of steps) {
            if (each.kind === 'put') {
              await fresh.write([put(each.key, each.value)])
              model.set(each.key, each.value)
            } else if (each.kind === 'delete') {
              await fresh.write([del(each.key)])
              model.delete(each.key)
            } else {
              const { prefix, after } = each
              given.push(await fresh.scan('records', after === null ? { prefix } : { prefix, after }))
              expected.push(
                [...model]
                  .filter(([k]) => k.startsWith(prefix) && (after === null || k > after))
                  .toSorted(([a], [b]) => (a < b ? -1 : 1))
                  .map(([k, value]) => ({ key: k, value })),
              )
            }
          }
          expect(given).toEqual(expected)
          expect(await fresh.scan('records', {})).toHaveLength(model.size)
        }),
        { numRuns: 60 },
      )
    })
  })
}
