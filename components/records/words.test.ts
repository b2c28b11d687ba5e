import { expect, test } from 'vitest'
import { deedWords, isUndoing, ruleWords } from './words.ts'

const version = (operation: 'CREATE' | 'UPDATE' | 'DELETE', outcome: string, effect = 'UPSERT') =>
  ({ operation, outcome, effect }) as Parameters<typeof deedWords>[0]

test.each([
  [version('CREATE', 'applied'), 'created by'],
  [version('UPDATE', 'applied', 'LEAVE'), 'moved to another scope by'],
  [version('UPDATE', 'merged'), 'updated, merged with what others wrote, by'],
  [version('DELETE', 'conflict', 'NONE'), 'deletion in conflict, by'],
  [version('UPDATE', 'stale_version', 'NONE'), 'update that came second, by'],
  [version('UPDATE', 'of_a_later_version', 'NONE'), 'update: of a later version, by'],
])('%o', (given, words) => {
  expect(deedWords(given)).toBe(words)
})

test('the undoing of a saga is said in words', () => {
  const rule = { strategy: 'saga_compensation', saga: { id: 'x', step: 1 } }
  expect(ruleWords({ rule })).toBe('saga undone')
  expect(isUndoing({ rule })).toBe(true)
  expect(ruleWords({ rule: { strategy: 'lww' } })).toBe('lww')
  expect(ruleWords({ rule: {} })).toBeNull()
})
