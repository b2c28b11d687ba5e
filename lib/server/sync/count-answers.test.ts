import { expect, test } from 'vitest'
import type { Answer } from './batch.ts'
import { countTables } from './count-answers.ts'

const answer = (table: string | null, more: Partial<Answer> = {}): Answer => ({
  ...{ index: 0, kind: 'accepted', text: '{}', table, strategy: 'lww', outcome: 'applied', code: null },
  ...{ replayed: false, ...more },
})

test('answers are counted by table', () => {
  const answers = [
    answer('a'),
    answer('b', { kind: 'conflict' }),
    answer('a', { kind: 'rejected' }),
    answer(null),
  ]
  expect(countTables(answers)).toEqual({
    a: { pushed: 2, conflicts: 0, rejected: 1, strategy: 'lww' },
    b: { pushed: 1, conflicts: 1, rejected: 0, strategy: 'lww' },
  })
})

test('a table with the name of what all objects inherit is a table', () => {
  const strange = answer('__proto__', { kind: 'rejected', strategy: null })
  const counted = countTables([strange, answer('constructor', { strategy: null })])
  expect(Object.entries(counted)).toEqual([
    ['__proto__', { pushed: 1, conflicts: 0, rejected: 1, strategy: '' }],
    ['constructor', { pushed: 1, conflicts: 0, rejected: 0, strategy: '' }],
  ])
  expect(Object.keys(Object.prototype)).toEqual([])
})
