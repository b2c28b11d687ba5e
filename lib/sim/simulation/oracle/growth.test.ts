import { describe, expect, test } from 'vitest'
import { editText, emptyText } from '#lib/core/crdt/text.ts'
import { mergeCrdt } from '#lib/core/crdt/types.ts'
import type { JsonObject } from '#lib/core/json.ts'
import { invented, miscounted, missing } from './growth.ts'

const orSet = (entries: Record<string, string[]>, removed: string[] = []) => ({
  ...{ $crdt: 'or-set', entries, removed },
})
const hello = editText(emptyText, 1, [{ at: 0, insert: 'hello' }])
const shorter = editText(hello, 2, [{ at: 0, remove: 2 }])
const longer = editText(hello, 3, [{ at: 5, insert: '!' }])

describe('each type', () => {
  test.each<[string, JsonObject, JsonObject]>([
    ['g-counter', { $crdt: 'g-counter', counts: { a: 2 } }, { $crdt: 'g-counter', counts: { a: 1, b: 1 } }],
    [
      'pn-counter',
      { $crdt: 'pn-counter', inc: { a: 2 }, dec: {} },
      { $crdt: 'pn-counter', inc: {}, dec: { a: 1 } },
    ],
    ['g-set', { $crdt: 'g-set', items: [1] }, { $crdt: 'g-set', items: [2] }],
    ['or-set', orSet({ '1': ['x'] }), orSet({ '1': ['y'] }, ['z'])],
    ['text', shorter, longer],
  ])('%s: what came of two holds both and nothing else', (_, a, b) => {
    const both = mergeCrdt(a, b)!
    expect([missing(a, both), missing(b, both), invented(both, [a, b])]).toEqual([null, null, null])
    expect(missing(a, b)).not.toBeNull()
    expect(missing(b, a)).not.toBeNull()
  })

  test('a register holds the later value', () => {
    const register = (value: number, hlc: string) => ({ $crdt: 'lww-register', value, hlc })
    expect(missing(register(1, '1'), register(2, '2'))).toBeNull()
    expect(missing(register(2, '2'), register(1, '1'))).not.toBeNull()
    expect(invented(register(3, '3'), [register(1, '1'), register(2, '2')])).toContain('3')
  })
})

test('an addition that was removed is not missing, and may not come back', () => {
  const added = orSet({ '1': ['x'] })
  const removed = orSet({}, ['x'])
  expect(missing(added, removed)).toBeNull()
  expect(missing(removed, added)).toBe('removed x')
  expect(invented(added, [added, removed])).toContain('was removed')
  expect(invented(orSet({}, ['x']), [added])).toBe('removed x')
})

test('a counter shows what its marks say', () => {
  const marks = { $crdt: 'g-set', items: ['stock 2 a', 'stock -1 b', 'visits 3 c'] }
  const visits = { $crdt: 'g-counter', counts: { a: 3 } }
  const stock = { $crdt: 'pn-counter', inc: { a: 2 }, dec: { a: 1 } }
  expect(miscounted({ marks, visits, stock })).toBeNull()
  expect(miscounted({ marks, visits, stock: { ...stock, dec: {} } })).toContain('stock shows 2')
  expect(miscounted({ marks, stock })).toContain('visits shows 0')
})
