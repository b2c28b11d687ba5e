import { describe, expect, it } from 'vitest'
import { decodeParts, recordPath, tablePath } from './address.ts'

describe('addresses', () => {
  it('keep the slashes of a table and escape the rest', () => {
    expect(recordPath({ table: 'brands/a b', id: 'x', scope: 'site 7' })).toBe(
      '/records/brands/a%20b/x?scope=site%207',
    )
    expect(tablePath('a/b#c')).toBe('/tables/a/b%23c')
  })
  it('are read back, or refused', () => {
    expect(decodeParts(['brands', 'a%20b', 'x'])).toEqual(['brands', 'a b', 'x'])
    expect(decodeParts(['%E0%A4%A'])).toBeNull()
  })
})
