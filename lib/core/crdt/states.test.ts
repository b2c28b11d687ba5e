import { describe, expect, test } from 'vitest'
import type { Json, JsonObject } from '../json.ts'
import { earlier, later } from '../testing/edits.ts'
import { addToOrSet, emptyOrSet, orSet, removeFromOrSet } from './or-set.ts'
import { crdtOverreach, crdtValue, mergeCrdt, normalCrdt } from './types.ts'

const [one, two] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002']

test('a count of zero says the same as none', () => {
  const state = { $crdt: 'pn-counter', inc: { [one]: 2, [two]: 0 }, dec: { [one]: 0 } }
  expect(normalCrdt(state)).toEqual({ $crdt: 'pn-counter', inc: { [one]: 2 }, dec: {} })
  expect(crdtValue(state)).toBe(2)
})

describe('or-set', () => {
  const added = addToOrSet(addToOrSet(emptyOrSet, 'a', 't1'), 'a', 't2')

  test('a removal takes every addition that it saw, and none that it did not', () => {
    const removed = removeFromOrSet(added, 'a')
    expect(removed).toEqual({ $crdt: 'or-set', entries: {}, removed: ['t1', 't2'] })
    expect(orSet.value(orSet.merge(added, removed))).toEqual([])
    const more = addToOrSet(added, 'a', 't3')
    expect(orSet.merge(more, removed)).toEqual({ ...removed, entries: { '"a"': ['t3'] } })
  })

  test('a tag stays with its element', () => {
    const [other, after] = [{ ...emptyOrSet, entries: { '"a"': ['t2'] } }, addToOrSet(emptyOrSet, 'b', 't2')]
    const moved = { pointer: '/entries/"b"', detail: expect.stringContaining('another element') }
    const edit = { after: { ...after, entries: { ...after.entries, '"a"': ['t1'] } }, deviceId: one }
    expect(crdtOverreach({ ...edit, before: undefined, known: other })).toMatchObject(moved)
  })
})

describe('lww-register', () => {
  const register = (value: Json, hlc: string): JsonObject => ({ $crdt: 'lww-register', value, hlc })

  test('the later value stays; of two under one stamp the same, whichever comes first', () => {
    expect(mergeCrdt(register(1, later), register(2, earlier))).toEqual(register(1, later))
    const [a, b] = [register('a', later), register('b', later)]
    expect(mergeCrdt(a, b)).toEqual(b)
    expect(mergeCrdt(b, a)).toEqual(b)
  })

  test('another value under a stamp that the server knows is refused', () => {
    const edit = { before: register(0, earlier), deviceId: one }
    const after = register(1, later)
    expect(crdtOverreach({ ...edit, after, known: register(2, later) })).toMatchObject({ pointer: '/hlc' })
    expect(crdtOverreach({ ...edit, after, known: after })).toBeNull()
  })
})
