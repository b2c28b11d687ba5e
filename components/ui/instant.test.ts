import { describe, expect, it } from 'vitest'
import { absoluteTime, relativeTime } from './instant.ts'

const noon = Date.UTC(2026, 10, 22, 12, 0, 0)

describe('relativeTime', () => {
  it.each([
    [0, 'just now'],
    [12_000, '12 s ago'],
    [59_900, '1 min ago'],
    [240_000, '4 min ago'],
    [3 * 3_600_000, '3 h ago'],
    [47 * 3_600_000, '47 h ago'],
    [49 * 3_600_000, '2 d ago'],
    [-3_600_000, 'in 1 h'],
  ])('%d ms before now is %s', (ms, text) => {
    expect(relativeTime(noon - ms, noon)).toBe(text)
  })
})

describe('absoluteTime', () => {
  it('is in the zone that was asked for', () => {
    expect(absoluteTime(noon, 'UTC')).toBe('22 Nov, 12:00:00')
    expect(absoluteTime(noon, 'Asia/Tokyo', 'minute')).toBe('22 Nov, 21:00')
  })

  it('writes midnight as 00, not 24', () => {
    expect(absoluteTime(Date.UTC(2026, 0, 1), 'UTC', 'clock-minute')).toBe('00:00')
  })
})
