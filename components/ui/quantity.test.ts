import { describe, expect, it } from 'vitest'
import { formatBytes, formatRatio, formatSeconds, plural } from './quantity.ts'

describe('quantities', () => {
  it.each([
    [0, '0 s'],
    [0.0004, '1 ms'],
    [0.84, '840 ms'],
    [4.25, '4.3 s'],
    [9.97, '10 s'],
    [59.6, '1 min'],
    [252, '4.2 min'],
    [3599, '1 h'],
    [11_100, '3 h 5 min'],
    [172_800, '2 d'],
    [-90, '−1.5 min'],
  ])('%d seconds read as %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text)
  })

  it('never rounds something down to nothing', () => {
    expect(formatRatio(0)).toBe('0 %')
    expect(formatRatio(0.0002)).toBe('< 0.1 %')
    expect(formatRatio(0.0213)).toBe('2.1 %')
    expect(formatRatio(0.05)).toBe('5 %')
    expect(formatRatio(0.95)).toBe('95 %')
  })

  it('changes the unit before the digits run over', () => {
    expect(formatBytes(999)).toBe('999 B')
    expect(formatBytes(999_600)).toBe('1 MB')
    expect(formatBytes(5_242_880)).toBe('5.2 MB')
  })

  it('agrees with its noun', () => {
    expect(plural(1, 'change')).toBe('1 change')
    expect(plural(12_345, 'change')).toBe('12,345 changes')
    expect(plural(2, 'entry', 'entries')).toBe('2 entries')
  })
})
