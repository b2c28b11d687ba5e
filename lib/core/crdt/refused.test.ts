import fc from 'fast-check'
import { Doc, encodeStateAsUpdate, encodeStateVector, Map as SharedMap } from 'yjs'
import { describe, expect, test } from 'vitest'
import type { Json, JsonObject } from '../json.ts'
import { fromBase64, toBase64 } from './base64.ts'
import { slotOf } from './counts.ts'
import { setLwwRegister } from './lww-register.ts'
import { devices } from './testing/histories.ts'
import { slowUpdate } from './testing/slow-update.ts'
import { editText, emptyText, textOf } from './text.ts'
import { crdtFault, crdtOverreach, crdtValue } from './types.ts'

const [a, b] = devices
const counter = (counts: Json) => ({ $crdt: 'g-counter', counts })
const orSet = (entries: Json, removed: Json = []) => ({ $crdt: 'or-set', entries, removed })
const text = (update: Json) => ({ $crdt: 'text', update })
const bytes = (byte: number) => new Uint8Array(8).fill(byte)
const stampOf = (millis: number) => `${millis.toString(16).padStart(12, '0')}-0000-00000000000000aa`

const updateOf = (write: (doc: Doc) => void) => {
  const doc = new Doc()
  write(doc)
  return encodeStateAsUpdate(doc)
}
const nested = updateOf((doc) => doc.getText('t').insertEmbed(0, new SharedMap()))
const bold = updateOf((doc) => doc.getText('t').insert(0, 'x', { bold: true }))
const map = updateOf((doc) => doc.getMap('m').set('a', 1))
const twoTexts = updateOf((doc) => ['t', 'u'].forEach((name) => doc.getText(name).insert(0, name)))
const first = new Doc()
first.getText('t').insert(0, 'abc')
const since = encodeStateAsUpdate(first)
const firstState = encodeStateVector(first)
first.getText('t').insert(3, 'def')
const stepOnly = encodeStateAsUpdate(first, firstState)

describe('what is no state is refused, where it is wrong', () => {
  test.each<[string, JsonObject, string]>([
    ['an unknown type', { $crdt: 'counter', counts: {} }, '/$crdt'],
    ['a type that is no name', { $crdt: ['text'] }, '/$crdt'],
    ['a name every object has', { $crdt: 'constructor' }, '/$crdt'],
    ['a member too few', { $crdt: 'pn-counter', inc: {} }, '/dec'],
    ['a member too many', { ...counter({}), total: 3 }, ''],
    ['counts that are a list', counter([1]), '/counts'],
    ['counts that are null', counter(null), '/counts'],
    ['a count that is text', counter({ [a]: '1' }), `/counts/${a}`],
    ['a negative count', counter({ [a]: -1 }), `/counts/${a}`],
    ['a fraction', counter({ [a]: 0.5 }), `/counts/${a}`],
    ['a count past 2^53', counter({ [a]: 2 ** 53 }), `/counts/${a}`],
    ['counts whose sum is past 2^53', counter({ [a]: 2 ** 53 - 1, [b]: 1 }), '/counts'],
    ['a count of nobody', counter({ '': 1 }), '/counts'],
    ['a device id in capitals', counter({ [a.replaceAll('0', 'A')]: 1 }), '/counts'],
    ['a count of __proto__', counter(JSON.parse('{"__proto__":1}') as Json), '/counts'],
    ['a wrong side of a pn-counter', { $crdt: 'pn-counter', inc: {}, dec: { [a]: -1 } }, `/dec/${a}`],
    ['items that are an object', { $crdt: 'g-set', items: {} }, '/items'],
    ['an item twice', { $crdt: 'g-set', items: [1, { x: 1, y: 2 }, { y: 2, x: 1 }] }, '/items/2'],
    ['entries that are a list', orSet([]), '/entries'],
    ['removed that is an object', orSet({}, {}), '/removed'],
    ['an element that is no JSON', orSet({ a: ['t'] }), '/entries/a'],
    ['an element in another spelling', orSet({ '{"b":1, "a":2}': ['t'] }), '/entries/{"b":1, "a":2}'],
    ['a number in another spelling', orSet({ '1.0': ['t'] }), '/entries/1.0'],
    ['an element without a tag', orSet({ '1': [] }), '/entries/1'],
    ['tags that are text', orSet({ '1': 't' }), '/entries/1'],
    ['a tag that is a number', orSet({ '1': [1] }), '/entries/1/0'],
    ['an empty tag', orSet({ '1': [''] }), '/entries/1/0'],
    ['a tag over-long', orSet({ '1': ['t'.repeat(101)] }), '/entries/1/0'],
    ['a tag on two elements', orSet({ '1': ['t'], '2': ['t'] }), '/entries/2/0'],
    ['a tag present and removed', orSet({ '1': ['t'] }, ['t']), '/removed/0'],
    ['a tag removed twice', orSet({}, ['t', 't']), '/removed/1'],
    ['a register without a value', { $crdt: 'lww-register', hlc: stampOf(1) }, '/value'],
    ['a register with a wrong clock', setLwwRegister(1, '2026-11-22T08:00:00Z'), '/hlc'],
    ['a text that is no text', text(1), '/update'],
    ['a text that is no base64', text('A=A='), '/update'],
    ['base64 with bits left over', text('AAB='), '/update'],
    ['base64 without its padding', text('AAA'), '/update'],
    ['bytes that are no update', text(toBase64(new Uint8Array([255, 255, 255, 255, 15]))), '/update'],
    ['nothing at all', text(''), '/update'],
    ['an update that claims more than memory holds', text(toBase64(hugeClaim())), '/update'],
    ['half of an update', text(toBase64(since.slice(0, since.length / 2))), '/update'],
    ['a step in place of the state', text(toBase64(stepOnly)), '/update'],
    ['a type within the text', text(toBase64(nested)), '/update'],
    ['text with formats', text(toBase64(bold)), '/update'],
    ['a map', text(toBase64(map)), '/update'],
    ['two texts', text(toBase64(twoTexts)), '/update'],
    [
      'edits that claim one place each, to keep the reader busy',
      text(toBase64(slowUpdate(20_000))),
      '/update',
    ],
  ])('%s', (_, state, pointer) => {
    const started = performance.now()
    expect(crdtFault(state)).toMatchObject({ pointer, detail: expect.any(String) })
    expect(crdtValue(state)).toBeUndefined()
    expect(performance.now() - started).toBeLessThan(3_000)
  })

  test('whatever bytes a text is made of, it is a state or it is refused', () => {
    const valid = fromBase64(
      editText(editText(emptyText, 1, [{ at: 0, insert: 'abc' }]), 2, [{ at: 1, remove: 1 }]).update,
    )!
    const flips = fc.array(fc.record({ at: fc.nat(valid.length - 1), to: fc.nat(255) }), {
      minLength: 1,
      maxLength: 4,
    })
    fc.assert(
      fc.property(flips, (flips) => {
        const bytes = valid.slice()
        for (const { at, to } of flips) bytes[at] = to
        const state = text(toBase64(bytes))
        expect(typeof crdtValue(state)).toBe(crdtFault(state) === null ? 'string' : 'undefined')
      }),
      { numRuns: 2_000 },
    )
  })

  test('whatever JSON claims to be a state, it is one or it is refused', () => {
    const anyClaim = fc.record(
      {
        $crdt: fc.constantFrom('g-counter', 'pn-counter', 'g-set', 'or-set', 'lww-register', 'text'),
        ...{ counts: fc.jsonValue(), inc: fc.jsonValue(), dec: fc.jsonValue(), items: fc.jsonValue() },
        ...{ entries: fc.jsonValue(), removed: fc.jsonValue(), update: fc.jsonValue(), hlc: fc.jsonValue() },
      },
      { requiredKeys: ['$crdt'] },
    )
    fc.assert(
      fc.property(anyClaim, (claim) => {
        const state = claim as JsonObject
        expect(crdtValue(state) === undefined).toBe(crdtFault(state) !== null)
      }),
    )
  })
})

describe('what a device may not do to a state', () => {
  const edit = (before: JsonObject | undefined, after: JsonObject, known = before) =>
    crdtOverreach({ before, after, known, deviceId: a })?.pointer ?? null
  const written = editText(emptyText, 1, [{ at: 0, insert: 'abc' }])

  test.each<[string, JsonObject | undefined, JsonObject, string, JsonObject?]>([
    ['lower its own count', counter({ [a]: 2 }), counter({ [a]: 1 }), `/counts/${a}`],
    ['lower another’s count', counter({ [b]: 2 }), counter({ [b]: 1 }), `/counts/${b}`],
    ['forget a count', counter({ [b]: 2 }), counter({}), `/counts/${b}`],
    ['raise another’s count', counter({ [b]: 2 }), counter({ [b]: 3 }), `/counts/${b}`],
    ['begin with another’s count', undefined, counter({ [a]: 1, [b]: 1 }), `/counts/${b}`],
    [
      'claim a base that the server never had',
      counter({ [b]: 9 }),
      counter({ [b]: 9 }),
      `/counts/${b}`,
      counter({ [b]: 2 }),
    ],
    ['drop an item', { $crdt: 'g-set', items: [1] }, { $crdt: 'g-set', items: [] }, '/items'],
    ['bring a removed tag back', orSet({}, ['t']), orSet({ '1': ['t'] }), '/removed'],
    ['drop a tag without removing it', orSet({ '1': ['t'] }), orSet({}), '/entries/1'],
    ['give a tag to another element', orSet({ '1': ['t'] }), orSet({ '2': ['t'] }), '/entries/1'],
    [
      'take a tag that the server knows elsewhere',
      orSet({}),
      orSet({ '2': ['t'] }),
      '/entries/2',
      orSet({ '1': ['t'] }),
    ],
    ['set a register’s clock back', setLwwRegister(1, stampOf(2)), setLwwRegister(2, stampOf(1)), '/hlc'],
    ['change a value under its stamp', setLwwRegister(1, stampOf(2)), setLwwRegister(2, stampOf(2)), '/hlc'],
    ['drop text history', written, editText(emptyText, 2, [{ at: 0, insert: 'abc' }]), '/update'],
    ['rewrite text history', written, editText(emptyText, 1, [{ at: 0, insert: 'xyz' }]), '/update'],
    [
      'write as another that the server knows',
      emptyText,
      editText(emptyText, 1, [{ at: 0, insert: 'xyz' }]),
      '/update',
      written,
    ],
  ])('%s', (_, before, after, pointer, known = before) => {
    expect(crdtFault(after)).toBeNull()
    expect(edit(before, after, known)).toBe(pointer)
  })

  test('a device counts in slots of its own, new or known, and in nobody else’s', () => {
    const [own, others] = [slotOf(a, bytes(1)), slotOf(b, bytes(1))]
    expect(own).toMatch(/^01010101-0101-8101-8000-000000000000$/)
    expect(edit(counter({ [a]: 2 }), counter({ [a]: 2, [own]: 1 }))).toBeNull()
    expect(edit(counter({ [own]: 1 }), counter({ [own]: 2, [a]: 1 }))).toBeNull()
    expect(edit(counter({ [own]: 1 }), counter({ [own]: 1, [others]: 1 }))).toBe(`/counts/${others}`)
    const known = counter({ [others]: 3 })
    expect(edit(counter({}), counter({ [others]: 3 }), known)).toBeNull()
    expect(edit(counter({}), counter({ [others]: 4 }), known)).toBe(`/counts/${others}`)
    expect(edit(counter({ [own]: 2 }), counter({ [own]: 1 }))).toBe(`/counts/${own}`)
  })

  test('a slot is an id that no other draw makes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.uuid(), (random, device) => {
        const slot = slotOf(device, random)
        expect(crdtFault(counter({ [slot]: 1 }))).toBeNull()
        const other = random.with(7, random[7]! ^ 1)
        expect(slotOf(device, other)).not.toBe(slot)
      }),
    )
  })

  test('a text with very many deletions is compared at once', () => {
    const splices = Array.from({ length: 2_000 }, (_, at) => ({ at, remove: 1 }))
    const long = editText(emptyText, 1, [{ at: 0, insert: 'ab'.repeat(2_000) }])
    const before = editText(long, 1, splices)
    const after = editText(before, 2, [{ at: 0, insert: 'x' }])
    expect(crdtFault(after)).toBeNull()
    const started = performance.now()
    expect(edit(before, after)).toBeNull()
    expect(edit(after, before)).toBe('/update')
    expect(edit(before, long)).toBe('/update')
    expect(performance.now() - started).toBeLessThan(2_000)
  })

  test('a removal that the device had not seen is no resurrection', () => {
    const [before, known] = [orSet({ '1': ['t'] }), orSet({}, ['t'])]
    expect(edit(before, orSet({ '1': ['t', 'u'] }), known)).toBeNull()
  })

  test('a person may write for others, and still takes nothing back', () => {
    const person = { deviceId: null, known: undefined }
    expect(crdtOverreach({ ...person, before: undefined, after: counter({ [b]: 2 }) })).toBeNull()
    expect(crdtOverreach({ ...person, before: counter({ [b]: 2 }), after: counter({}) })).not.toBeNull()
  })
})

test('a text keeps the root that others gave it', () => {
  const theirs = { $crdt: 'text' as const, update: toBase64(since) }
  expect(textOf(editText(theirs, 7, [{ at: 1, insert: '😀' }]))).toBe('a😀bc')
})

/** One client, with more runs than there are bytes to hold them. */
function hugeClaim(): Uint8Array {
  return new Uint8Array([1, 255, 255, 255, 15, 1, 0])
}
