import { expect, test } from 'vitest'
import { changeSchema, type Change } from '#lib/protocol/sync.ts'
import { lastTaken } from './replayed.ts'

const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
const hlc = `${'0'.repeat(12)}-0000-${'0'.repeat(16)}`

const change = (n: number, over: Partial<Change> = {}): Change =>
  changeSchema.parse({
    ...{ op_id: id(n), seq: n, table: 'things', operation: 'CREATE', record_id: id(1), base_version: 0 },
    ...{ data: { name: 'b' }, hlc, checksum: '', ...over },
  })

const device = id(7)
const letter = { op_id: id(2), device_id: device, state: 'replayed', replay_op_id: id(8) } as const
const edit = { op_id: id(3), device_id: device }

type Stored = Parameters<typeof lastTaken>[0]

/** What an edit that holds operation 2 has in the record already. */
const within = (refused: Change, { letters = [letter], changes = [] }: Partial<Stored> = {}) => {
  const sent = new Map([refused, change(3, { contains: [id(2)] })].map((each) => [each.op_id, each]))
  return lastTaken({ letters, changes }, sent, edit)
}

test('an operation that was replayed before the edit that holds it came is in the record', () => {
  expect(within(change(2))).toEqual(change(2))
  expect(within(change(2), { letters: [{ ...letter, replay_op_id: id(3) }] })).toBeUndefined()
  expect(within(change(2), { letters: [{ ...letter, state: 'open', replay_op_id: null }] })).toBeUndefined()
  expect(within(change(2), { letters: [{ ...letter, device_id: id(9) }] })).toBeUndefined()
})

test('so is one that was taken itself, and refused since its answer was forgotten', () => {
  const letters = [{ ...letter, state: 'open', replay_op_id: null }] as const
  const written = { op_id: id(2), device_id: device, effect: 'UPSERT' } as const
  expect(within(change(2), { letters, changes: [written] })).toEqual(change(2))
  expect(within(change(2), { letters, changes: [{ ...written, effect: 'NONE' }] })).toBeUndefined()
  expect(within(change(2), { letters, changes: [{ ...written, device_id: id(9) }] })).toBeUndefined()
})

test('a step of a saga may have been undone: what the edit did not send of it, it did not take away', () => {
  expect(within(change(2, { saga: { id: id(5), step: 1, steps: 2 } }))).toBeUndefined()
})
