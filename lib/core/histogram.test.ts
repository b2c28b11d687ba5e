import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addCounts, histogramTotal, lagBoundsSeconds, quantile } from './histogram.ts'

const bounds = [1, 2, 4]

test('a quantile is interpolated inside its bucket', () => {
  expect(quantile({ bounds, counts: [0, 10, 0, 0] }, 0.5)).toBe(1.5)
  expect(quantile({ bounds, counts: [5, 5, 0, 0] }, 0.5)).toBe(1)
  expect(quantile({ bounds, counts: [2, 2, 4, 0] }, 0.75)).toBe(3)
})

test('an empty histogram has no quantile', () => {
  expect(quantile({ bounds, counts: [] }, 0.5)).toBeNull()
})

test('above the highest bound only the maximum is known', () => {
  expect(quantile({ bounds, counts: [0, 0, 0, 3] }, 0.5)).toBe(4)
  expect(quantile({ bounds, counts: [0, 0, 0, 3] }, 0.5, 90)).toBe(90)
  expect(quantile({ bounds, counts: [0, 3, 0, 0] }, 1, 1.2)).toBe(1.2)
})

test('a quantile outside [0, 1] is refused', () => {
  expect(() => quantile({ bounds, counts: [1] }, 1.1)).toThrow(RangeError)
})

test('an estimate lies in the bucket of the true value', () => {
  const values = fc.array(fc.double({ min: 0, max: 600_000, noNaN: true }), { minLength: 1 })
  fc.assert(
    fc.property(values, fc.double({ min: 0.01, max: 1, noNaN: true }), (sample, q) => {
      const counts = Array.from({ length: lagBoundsSeconds.length + 1 }, () => 0)
      const bucketOf = (value: number) => lagBoundsSeconds.findIndex((bound) => value <= bound)
      for (const value of sample) counts[bucketOf(value)]!++
      const truth = sample.toSorted((a, b) => a - b)[Math.ceil(q * sample.length) - 1]!
      const bucket = bucketOf(truth)
      const estimate = quantile({ bounds: lagBoundsSeconds, counts }, q)!
      expect(estimate).toBeGreaterThanOrEqual(lagBoundsSeconds[bucket - 1] ?? 0)
      expect(estimate).toBeLessThanOrEqual(lagBoundsSeconds[bucket]!)
    }),
  )
})

test('histograms add up', () => {
  expect(addCounts([1, 2, 3], [])).toEqual([1, 2, 3])
  expect(histogramTotal(addCounts([1, 2, 3], [1, 1, 1]))).toBe(9)
})
