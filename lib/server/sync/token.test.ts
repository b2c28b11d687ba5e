import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openCursor, sealCursor } from './cursor.ts'
import { chainPrefix, readToken, writeToken, type SyncToken } from './token.ts'

const secret = 'a secret of this server'
const token: SyncToken = {
  epoch: '0193f3a2-b4c0-7000-8000-00000000e90c',
  positions: new Map([
    ['default', 4012],
    ['site-7', 0],
  ]),
  chains: new Map([['default', 'a1b2c3d4e5f60718']]),
  leaving: new Map([['site-7', ['inspections', '0193f3a2-b4c0-7000-8000-0000000000aa']]]),
  issuedAt: 1_795_000_000_000,
}

/** Each way to get another text of the same letters: one letter changed, one left out, one added. */
const tampered = fc.tuple(
  fc.nat(),
  fc.constantFrom('change', 'drop', 'add'),
  fc.constantFrom('A', 'b', '.', '=', '-'),
)
const tamper = (text: string, [at, how, letter]: [number, string, string]) => {
  const index = at % text.length
  return text.slice(0, index) + (how === 'drop' ? '' : letter) + text.slice(how === 'add' ? index : index + 1)
}

describe('a cursor', () => {
  test('opens to what was sealed', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.parse(JSON.stringify(value)) as unknown
        expect(openCursor(sealCursor(value, secret), secret)).toEqual(text)
      }),
    )
  })

  test('does not open when anything was changed, left out or added', () => {
    const sealed = sealCursor({ at: [1, 'table', 'id'] }, secret)
    expect(openCursor(`${sealed}.x`, secret)).toBeNull()
    fc.assert(
      fc.property(tampered, (how) => {
        const other = tamper(sealed, how)
        fc.pre(other !== sealed)
        expect(openCursor(other, secret)).toBeNull()
      }),
      { numRuns: 500 },
    )
  })

  test('does not open cut short, at any length', () => {
    const sealed = sealCursor({ at: 1 }, secret)
    for (let length = 0; length < sealed.length; length++)
      expect(openCursor(sealed.slice(0, length), secret)).toBeNull()
  })

  test.each(['', '.', 'a', 'a.b', '..', 'null.', '\0.\0', 'é.é'])('%j does not open', (text) => {
    expect(openCursor(text, secret)).toBeNull()
  })

  test('of another server does not open', () => {
    expect(openCursor(sealCursor(1, 'another secret'), secret)).toBeNull()
  })

  test('goes through a URL as it is', () => {
    const sealed = sealCursor({ text: '???>>>ÿ' }, secret)
    expect(encodeURIComponent(sealed)).toBe(sealed)
  })
})

describe('a sync token', () => {
  test('reads back as it was written', () => {
    expect(readToken(writeToken(token, secret), secret)).toEqual(token)
  })

  test('keeps any scope name, those of prototypes included', () => {
    const anyName = fc.oneof(
      fc.string({ minLength: 1, unit: 'grapheme' }),
      fc.constantFrom('__proto__', 'constructor'),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(anyName, fc.nat())), (scopes) => {
        const written = { ...token, positions: new Map(scopes), leaving: new Map() }
        expect(readToken(writeToken(written, secret), secret)).toEqual(written)
      }),
    )
  })

  test('of another server, tampered with, or cut short is none', () => {
    const text = writeToken(token, secret)
    expect(readToken(text, 'another secret')).toBeNull()
    expect(readToken(text.slice(0, -1), secret)).toBeNull()
    fc.assert(
      fc.property(tampered, (how) => {
        const other = tamper(text, how)
        fc.pre(other !== text)
        expect(readToken(other, secret)).toBeNull()
      }),
    )
  })

  test.each([
    ['a snapshot’s cursor', { epoch: token.epoch, pins: [['default', 1, '']], at: [0, '', ''] }],
    ['a form of the future', { v: 2, e: token.epoch, s: [], c: [] }],
    ['positions that are none', { v: 1, e: token.epoch, s: [['default', '1']], c: [] }],
    ['null', null],
  ])('%s is none, though this server sealed it', (_, value) => {
    expect(readToken(sealCursor(value, secret), secret)).toBeNull()
  })

  test('keeps the first eight bytes of a chain', () => {
    expect(chainPrefix('a1b2c3d4e5f60718293a')).toBe('a1b2c3d4e5f60718')
  })
})
