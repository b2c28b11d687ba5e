import type { Unit } from '#components/ui/quantity.ts'

/** One hue per meaning, the same in every chart: see the tokens in app/globals.css. */
export type Hue = 'lag' | 'failure' | 'conflict' | 'queue' | 'payload' | 'duration' | 'throughput'

export type Series = { key: string; label: string; hue: Hue; emphasis: 'full' | 'faint' | 'dotted' }

/** One moment of every series; null where nothing was measured, and drawn as a gap. */
export type Point = { at: number; values: Readonly<Record<string, number | null>> }

export type Threshold = { value: number; label: string }

export type Trend = {
  title: string
  unit: Unit
  series: readonly Series[]
  points: readonly Point[]
  threshold?: Threshold
}

/** The last measured value of a series, or null when there is none. */
export function lastValue(points: readonly Point[], key: string): number | null {
  return points.findLast((point) => typeof point.values[key] === 'number')?.values[key] ?? null
}

/** Steps that people count in. Time has its own. */
const decimalSteps = [1, 2, 2.5, 5, 10]
const secondSteps = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400,
]

function stepAbove(raw: number, unit: Unit): number {
  if (unit === 'seconds' && raw > 1) {
    const step = secondSteps.find((each) => each >= raw)
    return step ?? Math.ceil(raw / 86_400) * 86_400
  }
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = (decimalSteps.find((each) => each * power >= raw * 0.999) ?? 10) * power
  return unit === 'count' ? Math.max(1, Math.ceil(step)) : step
}

/**
 * The axis' marks: zero and three round steps that hold all that was measured; and the threshold too once the values
 * come within a third of it, not before, because it would press everything else flat.
 */
export function axisTicks(points: readonly Point[], unit: Unit, threshold?: Threshold): number[] {
  let highest = 0
  for (const point of points) {
    for (const value of Object.values(point.values)) if (value !== null && value > highest) highest = value
  }
  if (threshold && highest * 3 >= threshold.value) highest = Math.max(highest, threshold.value * 1.05)
  if (highest === 0) highest = unit === 'ratio' ? 0.03 : 3
  const step = stepAbove(highest / 3, unit)
  return [0, step, step * 2, step * 3]
}
