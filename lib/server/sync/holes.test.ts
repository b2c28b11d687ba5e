import { expect, test } from 'vitest'
import { limits } from '#lib/protocol/sync.ts'
import { Holes } from './holes.ts'
import { reportedDeadLetters } from './reported-dead-letters.ts'
import type { Hole } from './store.ts'

const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

const hole = (seq: number, op: number | null): Hole => ({
  ...{ seq, op_id: op === null ? null : id(op), table: null, scope: null, record_id: null, saga_id: null },
  ...{ code: 'invalid_change', attempts: 0 },
})

const report = (op: number, seq: unknown) => ({
  ...{ op_id: id(op), code: 'retries_exceeded', attempts: 5 },
  change: { op_id: id(op), seq },
})

const closed = (reports: readonly unknown[], holes: readonly Hole[]) =>
  reportedDeadLetters(reports, holes, { deviceId: id(8), incarnation: id(9), schemaVersion: 1 }).closed

test('a hole closes with the report of its operation: by its name, or by its seq where that never arrived', () => {
  const holes = [hole(3, 1), hole(4, null), hole(5, 2)]
  expect(closed([report(1, 3)], holes)).toEqual([3])
  expect(closed([report(7, 4)], holes)).toEqual([4])
  // The name counts first, wherever the report says that it stood.
  expect(closed([report(2, 4)], holes)).toEqual([5])
  // A hole with another name is another operation's.
  expect(closed([report(7, 5), report(7, 6), report(7, null), report(7, '4')], holes)).toEqual([])
  expect(closed([{ change: { seq: 4 } }, null, 4, { op_id: id(7), code: 'x' }], holes)).toEqual([])
})

test('of the holes without a name the oldest are forgotten beyond a request full of them', () => {
  const most = limits.max_changes
  const loaded = [hole(1, 1), ...Array.from({ length: most }, (_, n) => hole(n + 2, null))]
  const holes = new Holes(loaded)
  holes.open(most + 2)
  holes.open(most + 3, hole(most + 3, 5))
  holes.open(most + 4)
  expect(holes.changes()).toMatchObject({
    open: [{ seq: most + 2 }, { seq: most + 3 }, { seq: most + 4 }],
    close: [2, 3],
  })
})
