import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { portableSha256Hex } from '#lib/client/sha256.ts'
import type { Json } from '#lib/core/json.ts'
import { canonicalJson, recordChecksum } from './checksum.ts'

const nodeSha256Hex = (text: string) => createHash('sha256').update(text).digest('hex')

// Expected texts written by hand after RFC 8785: section 3.2.2 for literals, 3.2.3 for the order of members.

describe('numbers: the shortest text that reads back, as ECMAScript writes them', () => {
  test.each([
    ['0', '0'],
    ['-0', '0'],
    ['-1', '-1'],
    ['1.0', '1'],
    ['4.50', '4.5'],
    ['2e-3', '0.002'],
    ['1E2', '100'],
    ['0.000001', '0.000001'],
    ['0.0000001', '1e-7'],
    ['0.00000015', '1.5e-7'],
    ['100000000000000000000', '100000000000000000000'],
    ['1000000000000000000000', '1e+21'],
    ['1.5e300', '1.5e+300'],
    ['5e-324', '5e-324'],
    ['9007199254740991', '9007199254740991'],
    ['0.30000000000000004', '0.30000000000000004'],
    ['0.1000000000000000055511151231257827', '0.1'],
  ])('%s → %s', (written, canonical) => {
    expect(canonicalJson(JSON.parse(written) as Json)).toBe(canonical)
  })
})

describe('text: escaped where it must be, in the short form where there is one, else as it is', () => {
  test.each([
    ['quote and backslash', 'a"b\\c', '"a\\"b\\\\c"'],
    ['the five with a short form', '\b\t\n\f\r', '"\\b\\t\\n\\f\\r"'],
    ['other controls, in lower-case hex', '\u0000\u000b\u001f', '"\\u0000\\u000b\\u001f"'],
    ['slash, delete, line separator, no-break space', '/\u007f\u2028\u00a0', '"/\u007f\u2028\u00a0"'],
    ['beyond ASCII and beyond the BMP', 'é€😀', '"é€😀"'],
    ['not normalised: two ways to write é stay two', 'e\u0301', '"e\u0301"'],
  ])('%s', (_, text, canonical) => {
    expect(canonicalJson(text)).toBe(canonical)
  })
})

describe('members: by UTF-16 code units, at every depth', () => {
  test.each<[string, Json, string]>([
    [
      'empty, digits, upper, lower',
      { a: 1, B: 2, '10': 3, '9': 4, '': 5 },
      '{"":5,"10":3,"9":4,"B":2,"a":1}',
    ],
    ['a prefix before what it begins', { ab: 1, a: 2, 'a b': 3 }, '{"a":2,"a b":3,"ab":1}'],
    // U+1F600 is the pair D83D DE00: before U+FB33, though its code point is higher.
    ['a surrogate pair before U+FB33', { '\ufb33': 1, '😀': 2, '€': 3 }, '{"€":3,"😀":2,"\ufb33":1}'],
    [
      'a name that is escaped sorts as what it stands for',
      { '"': 1, '\n': 2, '!': 3 },
      '{"\\n":2,"!":3,"\\"":1}',
    ],
    [
      'nested; lists keep their order',
      { z: [{ b: 1, a: [3, 1] }, null], y: {} },
      '{"y":{},"z":[{"a":[3,1],"b":1},null]}',
    ],
    ['literals, no blanks', [true, false, null, '', [], {}], '[true,false,null,"",[],{}]'],
  ])('%s', (_, value, canonical) => {
    expect(canonicalJson(value)).toBe(canonical)
  })

  test('the order in which they were written does not matter, and the text reads back as the value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const reversed = JSON.parse(JSON.stringify(value), (_, item: unknown) =>
          typeof item === 'object' && item !== null && !Array.isArray(item)
            ? Object.fromEntries(Object.entries(item).toReversed())
            : item,
        ) as Json
        const canonical = canonicalJson(reversed)
        expect(canonical).toBe(canonicalJson(value as Json))
        expect(canonicalJson(JSON.parse(canonical) as Json)).toBe(canonical)
      }),
    )
  })
})

describe('checksums', () => {
  // Hashes by sha256sum of the canonical texts.
  test.each<[string, Json, string]>([
    // A deleted record.
    ['null', null, '74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b'],
    ['{}', {}, '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'],
    [
      '{"a":[1,0.000001,1e-7,"€\\n"],"😀":true,"\ufb33":null}',
      { '\ufb33': null, '😀': true, a: [1, 0.000001, 0.0000001, '€\n'] },
      'fd30383cd1ed3316e6e5598a893a7293d565243d18c7857b6248b998f2cf80c1',
    ],
  ])('of %s, on the server and on devices', (canonical, value, checksum) => {
    expect(canonicalJson(value)).toBe(canonical)
    expect(recordChecksum(value, nodeSha256Hex)).toBe(checksum)
    expect(recordChecksum(value, portableSha256Hex)).toBe(checksum)
  })

  test('servers and devices agree on any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(portableSha256Hex(text)).toBe(nodeSha256Hex(text))
      }),
    )
  })
})
