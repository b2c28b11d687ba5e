import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chooseBatch, nextDueMs, type BatchLimits } from './batch.ts'
import type { PendingOperation } from './stored.ts'

const WIDE: BatchLimits = { changes: 100, bytes: 1_000_000 }

function operation(fields: Partial<PendingOperation> & { ordinal: number }): PendingOperation {
  return {
    scope: 'default',
    table: 't',
    id: `record-${fields.ordinal}`,
    opId: `op-${fields.ordinal}`,
    priority: 'normal',
    operation: 'UPDATE',
    baseVersion: 1,
    baseChecksum: null,
    baseOpId: null,
    data: {},
    hlc: '',
    checksum: '',
    sizeBytes: 100,
    editedAtMs: 0,
    seq: null,
    wasSent: false,
    isShared: false,
    hole: null,
    firstAnswer: null,
    schemaVersion: 1,
    textOps: null,
    saga: null,
    ...fields,
  }
}

const sent = (seq: number, fields: Partial<PendingOperation> = {}) =>
  operation({ ordinal: seq, seq, wasSent: true, ...fields })
const hole = (seq: number, notBeforeMs: number, fields: Partial<PendingOperation> = {}) =>
  sent(seq, { hole: { code: 'throttled', attempts: 1, notBeforeMs }, ...fields })
const ordinals = (operations: readonly PendingOperation[]) => operations.map((each) => each.ordinal)

describe('what was sent before', () => {
  test('comes first, and new operations behind it', () => {
    const batch = chooseBatch([sent(1), sent(2)], [[], [operation({ ordinal: 3 })], []], WIDE, 0)
    expect(ordinals(batch.resent)).toEqual([1, 2])
    expect(ordinals(batch.fresh)).toEqual([3])
  })

  test('must fit whole before anything new goes', () => {
    const batch = chooseBatch(
      [sent(1), sent(2)],
      [[], [operation({ ordinal: 3 })], []],
      { ...WIDE, changes: 1 },
      0,
    )
    expect(ordinals(batch.resent)).toEqual([1])
    expect(batch.fresh).toEqual([])
  })

  test('leaves out holes that are not due, and whatever follows them on the same record', () => {
    const inflight = [hole(1, 50, { id: 'x' }), hole(2, 0, { id: 'x' }), hole(3, 0), sent(4)]
    expect(ordinals(chooseBatch(inflight, [], WIDE, 10).resent)).toEqual([3, 4])
    expect(ordinals(chooseBatch([hole(1, 50, { id: 'x' })], [], WIDE, 50).resent)).toEqual([1])
    expect(nextDueMs(inflight)).toBe(0)
    expect(nextDueMs([sent(4)])).toBeNull()
  })
})

describe('a step of a saga that waits', () => {
  const step = (step: number) => ({ saga: { id: 's', step, steps: 3 } })

  test('holds back the later ones, and not an earlier one, which came back from where it was set aside', () => {
    const lane = [operation({ ordinal: 4, ...step(3) }), operation({ ordinal: 5, ...step(1) })]
    expect(ordinals(chooseBatch([hole(2, 50, step(2))], [lane], WIDE, 10).fresh)).toEqual([5])
  })
})

describe('new operations', () => {
  test('come from the most urgent lane that has any', () => {
    const lanes = [[], [operation({ ordinal: 5 }), operation({ ordinal: 6 })], [operation({ ordinal: 1 })]]
    expect(ordinals(chooseBatch([], lanes, WIDE, 0).fresh)).toEqual([5, 6])
  })

  test('wait until the earlier ones on their record are answered, and let others pass', () => {
    const lanes = [
      [
        operation({ ordinal: 2, id: 'x' }),
        operation({ ordinal: 3, id: 'y' }),
        operation({ ordinal: 4, id: 'y' }),
        operation({ ordinal: 5, id: 'z' }),
      ],
    ]
    expect(ordinals(chooseBatch([sent(1, { id: 'x' })], lanes, WIDE, 0).fresh)).toEqual([3, 5])
  })

  test('wait for one that moves their record here or away', () => {
    const north = { id: 'x', scope: 'north' }
    const move = operation({ ordinal: 2, id: 'x', scope: 'south', fromScope: 'north' })
    const back = operation({ ordinal: 3, ...north, fromScope: 'south' })
    const other = operation({ ordinal: 5, id: 'x', scope: 'west' })
    const lanes = [[move, back, operation({ ordinal: 4, ...north }), other]]
    expect(ordinals(chooseBatch([], lanes, WIDE, 0).fresh)).toEqual([2, 5])
    expect(ordinals(chooseBatch([sent(1, north)], lanes, WIDE, 0).fresh)).toEqual([5])
  })

  test('stop at the bytes allowed, but one always goes', () => {
    const lane = [1, 2, 3].map((ordinal) => operation({ ordinal, sizeBytes: 600 }))
    expect(ordinals(chooseBatch([], [lane], { changes: 100, bytes: 1300 }, 0).fresh)).toEqual([1, 2])
    expect(ordinals(chooseBatch([], [lane], { changes: 100, bytes: 10 }, 0).fresh)).toEqual([1])
  })
})

test('whatever the queue, a batch keeps to the limits and never reorders one record', () => {
  const record = fc.constantFrom('a', 'b', 'c', 'd')
  const shape = fc.record({ id: record, sizeBytes: fc.integer({ min: 1, max: 500 }) })
  const flying = fc.record({ id: record, dueMs: fc.option(fc.nat(20)) })
  fc.assert(
    fc.property(
      fc.array(flying, { maxLength: 8 }),
      fc.array(shape, { maxLength: 12 }),
      fc.integer({ min: 1, max: 10 }),
      fc.integer({ min: 1, max: 2000 }),
      (flights, waiting, changes, bytes) => {
        const inflight = flights.map(({ id, dueMs }, index) =>
          dueMs === null ? sent(index + 1, { id }) : hole(index + 1, dueMs, { id }),
        )
        const lane = waiting.map((each, index) => operation({ ordinal: 100 + index, ...each }))
        const { resent, fresh } = chooseBatch(inflight, [lane], { changes, bytes }, 10)
        const batch = [...resent, ...fresh]
        expect(batch.length).toBeLessThanOrEqual(changes)
        const size = batch.reduce((sum, each) => sum + each.sizeBytes, 0)
        expect(batch.length <= 1 || size <= bytes).toBe(true)
        const unanswered = inflight.filter((each) => each.hole === null)
        expect(fresh.length === 0 || unanswered.every((each) => resent.includes(each))).toBe(true)
        for (const each of fresh) {
          expect(inflight.some((other) => other.id === each.id)).toBe(false)
          const earlier = lane.filter((other) => other.id === each.id && other.ordinal < each.ordinal)
          expect(earlier).toEqual([])
        }
      },
    ),
  )
})
