import { expect, test } from 'vitest'
import { readEdit } from './read-edit.ts'

test.each([
  ['{ "b": 2, "a": 1 }', { kind: 'unchanged' }],
  ['{"a":1}', { kind: 'changed', data: { a: 1 } }],
  ['{"a":', { kind: 'unreadable' }],
  ['[1]', { kind: 'unreadable' }],
  ['null', { kind: 'unreadable' }],
])('%s', (text, edit) => {
  expect(readEdit(text, { a: 1, b: 2 })).toEqual(edit)
})
