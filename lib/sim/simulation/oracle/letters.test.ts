import { expect, test } from 'vitest'
import { lostLetter, strayLetters } from './letters.ts'

const body = { base: 'abc', sent: 'aXbc', before: 'Yabc', after: 'YaXbc' }

test('two edits of one text that both count', () => {
  expect([lostLetter(body), strayLetters(body)]).toEqual([null, null])
  const removed = { base: 'abc', sent: 'ac', before: 'abcZ', after: 'acZ' }
  expect([lostLetter(removed), strayLetters(removed)]).toEqual([null, null])
})

test('a letter that copies of a device brought twice, and of which each side deleted another', () => {
  expect(lostLetter({ base: 'aXbXc', sent: 'aXbc', before: 'abXc', after: 'abc' })).toBeNull()
  expect(lostLetter({ base: 'aXbc', sent: 'aXbc', before: 'aXbc', after: 'abc' })).toBe('X')
})

test.each([
  ['what the device inserted is gone', { ...body, after: 'Yabc' }, 'X'],
  ['what the others inserted is gone', { ...body, after: 'aXbc' }, 'Y'],
  ['what nobody touched is gone', { ...body, after: 'YaXb' }, 'c'],
])('%s', (_, broken, lost) => {
  expect(lostLetter(broken)).toBe(lost)
})

test.each([
  ['an edit made at the place of another text', { ...body, after: 'YXabc' }],
  ['a letter twice', { ...body, after: 'YaXXbc' }],
  ['what the device deleted', { base: 'abc', sent: 'ac', before: 'abcZ', after: 'abcZ' }],
])('%s is seen', (_, broken) => {
  expect(strayLetters(broken)).not.toBeNull()
})
