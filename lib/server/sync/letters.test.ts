import { expect, test } from 'vitest'
import { changeSchema, type Change } from '#lib/protocol/sync.ts'
import { Letters } from './letters.ts'
import type { LoadedLetter } from './settling-rows.ts'

const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
const data = { name: 'b' }

/** An operation that holds a refused one. */
const holding = (over: Partial<Change> = {}): Change =>
  changeSchema.parse({
    ...{
      op_id: id(9),
      seq: 1,
      table: 'things',
      operation: 'UPDATE',
      record_id: id(1),
      base_version: 1,
      data,
    },
    ...{ hlc: `${'0'.repeat(12)}-0000-${'0'.repeat(16)}`, checksum: '', contains: [id(2)], ...over },
  })

const letter = (over: Partial<LoadedLetter> = {}): LoadedLetter => ({
  ...{
    id: id(3),
    op_id: id(2),
    state: 'replayed',
    schema_version: 1,
    change: JSON.stringify({ data }),
    written: null,
  },
  ...over,
})

test('what is held of a replayed letter is what the operation is made on, and nothing is new where that is all', () => {
  const base = { data, standsOn: null }
  expect(new Letters([letter()]).takenOf(holding(), 1)).toEqual({ base, isAll: true })
  expect(new Letters([letter()]).takenOf(holding({ data: { name: 'c' } }), 1)).toEqual({ base, isAll: false })
  expect(new Letters([letter({ state: 'open' })]).takenOf(holding(), 1)).toBeNull()
  expect(new Letters([letter()]).takenOf(holding({ contains: [id(4)] }), 1)).toBeNull()
})

test('what was taken, and refused since the answer is kept no more, counts as what is replayed', () => {
  const taken = (wrote: LoadedLetter['written']) =>
    new Letters([letter({ state: 'open', written: wrote })]).takenOf(holding({ data: { name: 'c' } }), 1)
  expect(taken({ data })).toEqual({ base: { data, standsOn: null }, isAll: false })
  expect(new Letters([letter({ state: 'open', written: { data } })]).takenOf(holding(), 1)).toMatchObject({
    isAll: true,
  })
  // Something else came of it, or a copy of the device sent something else.
  for (const other of [{ name: 'd' }, null]) {
    expect(taken({ data: other })).toEqual({ base: { data: undefined, standsOn: null }, isAll: false })
  }
})

test('one in another schema cannot be compared', () => {
  const base = { data: undefined, standsOn: null }
  expect(new Letters([letter()]).takenOf(holding(), 2)).toEqual({ base, isAll: false })
})

test('a step of a saga may have been undone, and a change that cannot be read says nothing: both are known to be replayed', () => {
  for (const change of [JSON.stringify({ data, saga: { id: id(5), step: 1, steps: 2 } }), 'no JSON', '7']) {
    const letters = new Letters([letter({ change })])
    expect(letters.takenOf(holding(), 1)).toBeNull()
    letters.answered(holding(), { kind: 'accepted', code: null }, true)
    expect(letters.row('device')).toMatchObject({ replayed: [id(3)], sent: [{ op_id: id(2), by: id(9) }] })
  }
})

test('of two in one batch the first does it, unless it is refused', () => {
  const later = holding({ op_id: id(8) })
  const letters = new Letters([letter({ state: 'open' })])
  letters.answered(holding(), { kind: 'rejected', code: 'schema_mismatch' }, true)
  expect(letters.takenOf(later, 1)).toBeNull()
  expect(letters.row('device')?.sent).toMatchObject([{ by: id(9), outcome: 'discarded' }])
  letters.answered(later, { kind: 'accepted', code: 'applied' }, true)
  expect(letters.takenOf(holding(), 1)).toMatchObject({ isAll: true })
  expect(letters.row('device')?.sent).toMatchObject([{ by: id(8), outcome: 'replayed' }])
})

test('a replay that fails leaves what it holds as it was', () => {
  const letters = new Letters([letter({ state: 'open' })])
  letters.answered(holding(), { kind: 'rejected', code: 'schema_mismatch' }, false)
  letters.answered(holding(), { kind: 'conflict', code: 'stale_version' }, false)
  expect(letters.row('device')).toBeNull()
})
