import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { instant } from '#lib/protocol/instant.ts'
import { decodeCursor, encodeCursor } from './page.ts'

const schema = z.tuple([instant, z.string()])
const at = '2026-11-22T22:28:23.817Z'

describe('a cursor', () => {
  test('is read as it was made', () => {
    expect(decodeCursor(encodeCursor([at, 'a']), schema)).toEqual([at, 'a'])
    expect(decodeCursor(undefined, schema)).toBeNull()
  })

  test.each([
    ['no base64', '%'],
    ['no JSON', Buffer.from('[').toString('base64url')],
    ['of another list', encodeCursor([1])],
    ['a text that PostgreSQL has no place for', encodeCursor([at, '\0'])],
    ['half a character', encodeCursor([at, '\ud800'])],
    ['a year that PostgreSQL does not have', encodeCursor(['0000-12-31T23:59:59Z', 'a'])],
    ['the same by its offset', encodeCursor(['0001-01-01T00:00:00+01:00', 'a'])],
  ])('that is made up is refused: %s', (_what, cursor) => {
    expect(() => decodeCursor(cursor, schema)).toThrow('not one of this list')
  })
})
