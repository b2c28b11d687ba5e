import { describe, expect, test } from 'vitest'
import { decideOps, entries, id, outcomes, type Op } from './testing/operations.ts'

describe('holes', () => {
  const create = { operation: 'CREATE', base_version: 0 } as const
  const hole = (more: object) => ({
    ...{ seq: 1, op_id: id('op-1'), scope: 'default', table: 'things', record_id: id('r'), saga_id: null },
    ...{ code: 'checksum_mismatch', attempts: 1, ...more },
  })

  test('what touches the same record waits, and nothing else does', () => {
    const decided = decideOps([
      { ...create, on: 'r', checksum: '0'.repeat(64) },
      { on: 'r', base_op_id: id('op-1'), data: { n: 2 } },
      { ...create, on: 's', data: { n: 1 } },
    ])
    expect(outcomes(decided)).toEqual(['checksum_mismatch', 'dependency_pending', 'applied'])
    expect(decided.holes.open.map(({ seq, attempts }) => [seq, attempts])).toEqual([
      [1, 1],
      [2, 0],
    ])
    expect(decided.results.map(({ seq }) => seq)).toEqual([3])
  })

  test('what was damaged on its way comes again before it is refused for anything', () => {
    const damaged = { ...create, checksum: '0'.repeat(64) }
    const decided = decideOps([
      { ...damaged, scope: 'forbidden' },
      { ...damaged, on: 's', table: 'unknown' },
    ])
    expect(outcomes(decided)).toEqual(['checksum_mismatch', 'checksum_mismatch'])
    expect(decided.deadLetters).toEqual([])
  })

  test('what is of the same saga waits, too', () => {
    const saga = { id: id('saga'), step: 1, steps: 2 }
    const decided = decideOps([
      { ...create, on: 'r', saga, checksum: '0'.repeat(64) },
      { ...create, on: 's', saga: { ...saga, step: 2 }, data: { n: 1 } },
    ])
    expect(outcomes(decided)).toEqual(['checksum_mismatch', 'dependency_pending'])
  })

  test('what could not be read leaves one where it stood, and holds nothing back', () => {
    const decided = decideOps([{ seq: 'x' as never }, { ...create, data: { n: 1 } }])
    expect(outcomes(decided)).toEqual(['invalid_change', 'applied'])
    expect(decided.holes.open).toMatchObject([{ seq: 1, op_id: null, record_id: null }])
  })

  test('repaired, it closes, and what waited goes through', () => {
    const decided = decideOps(
      [
        { ...create, data: { n: 1 } },
        { base_version: 0, base_op_id: id('op-1'), data: { n: 2 } },
      ],
      {
        stream: { last_seq: 2, revision: 1 },
        holes: [hole({}), hole({ seq: 2, op_id: id('op-2'), code: 'dependency_pending' })],
      },
    )
    expect(outcomes(decided)).toEqual(['applied', 'applied'])
    expect(decided.holes).toEqual({ open: [], close: [1, 2] })
  })

  test('after the fifth failure it is a dead letter, and no longer in the way', () => {
    const decided = decideOps(
      [
        { ...create, checksum: '0'.repeat(64) },
        { ...create, data: { n: 2 } },
      ],
      { stream: { last_seq: 1, revision: 1 }, holes: [hole({ attempts: 4 })] },
    )
    expect(outcomes(decided)).toEqual(['retries_exceeded', 'applied'])
    expect(decided.deadLetters).toMatchObject([{ code: 'retries_exceeded', attempts: 5, op_id: id('op-1') }])
    expect(decided.holes.close).toEqual([1])
  })
})

describe('refused for good', () => {
  test.each<[string, Op]>([
    ['unknown_table', { table: 'others' }],
    ['scope_forbidden', { scope: 'forbidden' }],
    ['unknown_base', {}],
    ['invalid_change', { hlc: 'x' }],
  ])('%s: a dead letter under the id that the device is told, and an answer for ever', (code, op) => {
    const decided = decideOps([op, { operation: 'CREATE', base_version: 0, on: 's', data: {} }])
    expect(outcomes(decided)).toEqual([code, 'applied'])
    expect(entries(decided)[0]).toMatchObject({
      retryable: false,
      dead_letter_id: decided.deadLetters[0]!.id,
    })
    expect(decided.results[0]).toMatchObject({ seq: 1, kind: 'rejected', answer: decided.answers[0]!.text })
  })

  test('every change is answered exactly once, in the order in which it was sent', () => {
    const decided = decideOps([{ seq: 3 }, { seq: 1 }, { seq: 'x' as never }, { seq: 2, op_id: 'y' }])
    expect(decided.answers.map(({ index }) => index)).toEqual([0, 1, 2, 3])
  })
})
