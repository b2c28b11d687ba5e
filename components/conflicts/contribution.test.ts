import { expect, test } from 'vitest'
import { addToOrSet, emptyOrSet, removeFromOrSet } from '#lib/core/crdt/or-set.ts'
import { editText, emptyText } from '#lib/core/crdt/text.ts'
import type { Json } from '#lib/core/json.ts'
import { contributions } from './contribution.ts'

const [one, two] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002']
const stamp = (time: number) => `${time.toString(16).padStart(12, '0')}-0000-0000000000000001`
const set = addToOrSet(addToOrSet(emptyOrSet, 'a', 't1'), 'b', 't2')
const text = editText(emptyText, 1, [{ at: 0, insert: 'a pump 🙂' }])
const register = (value: Json, time: number) => ({ $crdt: 'lww-register', value, hlc: stamp(time) })

test.each<[string, Json | undefined, Json | undefined, string[]]>([
  [
    'a counter',
    { $crdt: 'g-counter', counts: { [one]: 1 } },
    { $crdt: 'g-counter', counts: { [one]: 3, [two]: 4 } },
    ['+6'],
  ],
  [
    'a counter that went down',
    { $crdt: 'pn-counter', inc: { [one]: 1 }, dec: {} },
    { $crdt: 'pn-counter', inc: { [one]: 2 }, dec: { [one]: 3 } },
    ['−2'],
  ],
  ['a counter that is new', undefined, { $crdt: 'g-counter', counts: { [one]: 2 } }, ['+2']],
  ['a set', set, addToOrSet(removeFromOrSet(set, 'a'), { k: 1 }, 't3'), ['+ { "k": 1 }', '− "a"']],
  [
    'a text',
    text,
    editText(text, 2, [
      { at: 2, insert: 'red ' },
      { at: 11, remove: 2, insert: '🙁' },
    ]),
    ['+ “red ”', '+ “🙁”', '− “🙂”'],
  ],
  ['a register', register(1, 1), register([2], 2), ['set to [ 2 ]']],
  ['nothing new', text, text, []],
  ['no CRDT', 1, 2, []],
  ['a state that is malformed', undefined, { $crdt: 'g-counter', counts: 3 }, []],
])('%s', (_, before, after, words) => {
  expect(contributions(before, after)).toEqual(words)
})
