import { describe, expect, it } from 'vitest'
import { axisTicks, lastValue, type Point } from './series.ts'

const points: Point[] = [
  { at: 0, values: { p50: 1, p95: 4 } },
  { at: 60_000, values: { p50: 2, p95: null } },
  { at: 120_000, values: { p50: null, p95: null } },
]

describe('lastValue', () => {
  it('looks back over gaps', () => {
    expect(lastValue(points, 'p50')).toBe(2)
    expect(lastValue(points, 'p95')).toBe(4)
    expect(lastValue(points, 'max')).toBeNull()
  })
})

describe('axisTicks', () => {
  it('leaves a far threshold out of sight', () => {
    expect(axisTicks(points, 'seconds', { value: 3600, label: '1 h' })).toEqual([0, 2, 4, 6])
  })
  it('shows a threshold the values come near to', () => {
    expect(axisTicks(points, 'seconds', { value: 10, label: '10 s' }).at(-1)).toBeGreaterThan(10)
  })
  it('counts time in its own steps and shares in decimal ones', () => {
    expect(axisTicks([{ at: 0, values: { a: 2000 } }], 'seconds')).toEqual([0, 900, 1800, 2700])
    expect(axisTicks([{ at: 0, values: { a: 0.06 } }], 'ratio')[3]).toBeCloseTo(0.06)
  })
  it('never counts in halves', () => {
    expect(axisTicks([{ at: 0, values: { a: 1 } }], 'count')).toEqual([0, 1, 2, 3])
  })
  it('has a height when nothing was measured', () => {
    expect(axisTicks([], 'count')).toEqual([0, 1, 2, 3])
  })
})
