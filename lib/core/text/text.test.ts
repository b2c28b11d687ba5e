import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  applyTextOps,
  composeTextOps,
  readTextOps,
  transformOwn,
  transformTheirs,
  type TextOps,
} from './delta.ts'
import { diffText } from './diff.ts'
import { mergeText } from './merge.ts'

/**
 * Texts and edits in which characters of two code units are as common as others: two that begin alike, two that end
 * alike.
 */
const anyCharacter = fc.constantFrom('a', 'b', ' ', '\n', 'ä', '😀', '😁', '🨀')
const anyText = fc.array(anyCharacter, { maxLength: 12 }).map((characters) => characters.join(''))

/** An edit of a text: what becomes of each character, and what is put before it. */
const anyEditOf = (text: string): fc.Arbitrary<TextOps> =>
  fc.array(fc.record({ insert: anyText, keep: fc.boolean() }), { maxLength: text.length }).map((steps) => {
    const characters = Array.from(text)
    return steps.flatMap(({ insert, keep }, index): TextOps => {
      const character = characters[index]
      return [
        ...(insert === '' ? [] : [{ insert }]),
        ...(character ? [keep ? { retain: character.length } : { delete: character.length }] : []),
      ]
    })
  })
const anyTextWithEdits = anyText.chain((text) =>
  fc.tuple(fc.constant(text), anyEditOf(text), anyEditOf(text)),
)

describe('deltas', () => {
  test('TP1: two edits come to the same in either order, whatever stands right of what was deleted', () => {
    fc.assert(
      fc.property(anyTextWithEdits, fc.boolean(), ([text, own, given], isMarked) => {
        const mark = isMarked ? { attributes: { right: true as const } } : {}
        const theirs = given.map((op) => ('insert' in op ? { ...op, ...mark } : op))
        const ownFirst = applyTextOps(applyTextOps(text, own)!, transformTheirs(theirs, own))
        const theirsFirst = applyTextOps(applyTextOps(text, theirs)!, transformOwn(own, theirs))
        expect(ownFirst).toBe(theirsFirst)
        expect(ownFirst?.isWellFormed()).toBe(true)
      }),
      { numRuns: 2_000 },
    )
  })

  test('everything that either inserts is there, and everything that either deletes is not', () => {
    fc.assert(
      fc.property(anyTextWithEdits, ([text, a, b]) => {
        const marked = (ops: TextOps, mark: string) =>
          ops.map((op) => ('insert' in op ? { insert: mark.repeat(op.insert.length) } : op))
        const [ours, theirs] = [marked(a, 'A'), marked(b, 'B')]
        const merged = applyTextOps(applyTextOps(text, theirs)!, transformOwn(ours, theirs))!
        const count = (ops: TextOps) =>
          ops.reduce((sum, op) => sum + ('insert' in op ? op.insert.length : 0), 0)
        expect(merged.split('A').length - 1).toBe(count(ours))
        expect(merged.split('B').length - 1).toBe(count(theirs))
      }),
    )
  })

  test('TP1 holds for a device that goes on before it has seen what its first edit met', () => {
    const anyChain = anyTextWithEdits.chain(([text, first, theirs]) =>
      fc.tuple(fc.constant({ text, first, theirs }), anyEditOf(applyTextOps(text, first)!)),
    )
    fc.assert(
      fc.property(anyChain, ([{ text, first, theirs }, second]) => {
        const bridge = transformTheirs(theirs, first)
        const onServer = [theirs, transformOwn(first, theirs), transformOwn(second, bridge)]
        const onDevice = [first, second, transformTheirs(bridge, second)]
        const end = (edits: TextOps[]) => edits.reduce((text, ops) => applyTextOps(text, ops)!, text)
        expect(end(onServer)).toBe(end(onDevice))
      }),
      { numRuns: 1_000 },
    )
  })

  test('what is put where something was deleted stays before what others put right of that', () => {
    const [text, deleted, typed] = [
      '90s.',
      [{ retain: 3 }, { delete: 1 }],
      [{ retain: 3 }, { insert: ', huh?' }],
    ]
    const bridge = transformTheirs([{ retain: 4 }, { insert: ' The' }], deleted)
    const mine = applyTextOps(applyTextOps(text, deleted)!, typed)!
    expect(applyTextOps(mine, transformTheirs(bridge, typed))).toBe('90s, huh? The')
  })

  test('a composition does what its parts do', () => {
    fc.assert(
      fc.property(
        anyTextWithEdits.chain(([text, first]) =>
          fc.tuple(fc.constant(text), fc.constant(first), anyEditOf(applyTextOps(text, first)!)),
        ),
        ([text, first, second]) => {
          const inTurn = applyTextOps(applyTextOps(text, first)!, second)
          expect(applyTextOps(text, composeTextOps(first, second))).toBe(inTurn)
        },
      ),
    )
  })

  test.each<[string, TextOps]>([
    ['past the end', [{ retain: 4 }]],
    ['deleting past the end', [{ retain: 1 }, { delete: 3 }]],
    ['into a character', [{ retain: 2 }, { insert: 'x' }]],
    ['half of a character', [{ retain: 1 }, { delete: 1 }]],
  ])('%s: does not fit', (_, ops) => {
    expect(applyTextOps('a😀', ops)).toBeNull()
  })

  test.each([
    [{}, null],
    [[null], 0],
    [[{ retain: 1 }, {}], 1],
    [[{ retain: 0 }], 0],
    [[{ retain: -1 }], 0],
    [[{ delete: 0.5 }], 0],
    [[{ delete: 2 ** 53 }], 0],
    [[{ insert: '' }], 0],
    [[{ insert: 'x', attributes: { bold: true } }], 0],
    [[{ insert: { image: 'x' } }], 0],
    [[{ retain: 1, insert: 'x' }], 0],
  ])('%j is no list of steps', (value, at) => {
    expect(readTextOps(value)).toMatchObject({ at })
  })
})

describe('the merge of two texts', () => {
  const anyMerge = anyTextWithEdits.chain(([base, edit, first]) =>
    fc.tuple(fc.constant({ base, edit, first }), anyEditOf(applyTextOps(base, first)!)),
  )

  test('its edit leads there from the server’s text, its bridge from the device’s', () => {
    fc.assert(
      fc.property(anyMerge, ([{ base, edit, first }, second]) => {
        const ours = applyTextOps(base, edit)!
        const theirs = applyTextOps(applyTextOps(base, first)!, second)!
        const { text, applied, bridge } = mergeText({ base, ours, theirs }, edit, [first, second])
        expect(applyTextOps(theirs, applied)).toBe(text)
        expect(applyTextOps(ours, bridge)).toBe(text)
      }),
      { numRuns: 1_000 },
    )
  })

  test('follows the edits that were told, where they lead there', () => {
    const texts = { base: 'aa', ours: 'aaa', theirs: 'aXa' }
    expect(mergeText(texts, [{ insert: 'a' }], null).text).toBe('aaXa')
    expect(mergeText(texts, undefined, null).text).toBe('aXaa')
    const grown = { base: 'aa', ours: 'aXa', theirs: 'aaa' }
    expect(mergeText(grown, undefined, [[{ insert: 'a' }]]).text).toBe('aaXa')
    expect(mergeText(grown, undefined, [[{ insert: 'b' }]]).text).toBe('aXaa')
  })
})

describe('the edit between two texts', () => {
  const length = (ops: TextOps) =>
    ops.reduce((sum, op) => sum + ('insert' in op ? op.insert.length : 'delete' in op ? op.delete : 0), 0)

  test('makes the one of the other, and splits no character', () => {
    fc.assert(
      fc.property(anyText, anyText, (before, after) => {
        const ops = diffText(before, after)
        expect(applyTextOps(before, ops)).toBe(after)
        expect(ops.every((op) => !('insert' in op) || op.insert.isWellFormed())).toBe(true)
      }),
      { numRuns: 2_000 },
    )
  })

  const words = (count: number, seed: number) =>
    Array.from({ length: count }, (_, at) => `w${(at * seed) % 997}${at % 7 === 0 ? '.\n' : ' '}`).join('')
  const long = words(20_000, 7919)

  test.each<[string, string, string, number]>([
    ['a letter', long, `${long.slice(0, 50_000)}x${long.slice(50_000)}`, 1],
    ['two places far apart', long, `${long.slice(0, 10)}xy${long.slice(10, 90_000)}${long.slice(90_001)}`, 3],
    ['everything', long, words(20_000, 104_729), Infinity],
    ['one letter again and again', 'a'.repeat(100_000), 'b'.repeat(100_000), 200_000],
    ['half of one letter', 'a'.repeat(100_000), 'a'.repeat(50_000), 50_000],
    ['the middle', long, long.slice(0, 30_000) + words(400, 31) + long.slice(60_000), Infinity],
    ['emoji', '😀'.repeat(50_000), '😁'.repeat(50_000), 200_000],
  ])('100,000 characters, %s: at once', (_, before, after, most) => {
    const started = performance.now()
    const ops = diffText(before, after)
    expect(performance.now() - started).toBeLessThan(1_500)
    expect(applyTextOps(before, ops)).toBe(after)
    expect(length(ops)).toBeLessThanOrEqual(most)
  })
})
