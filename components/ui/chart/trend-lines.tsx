'use client'

import {
  CartesianGrid,
  Line,
  LineChart,
  ReferenceLine,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from 'recharts'
import { absoluteTime } from '#components/ui/instant.ts'
import { useTimeZone } from '#components/ui/clock.tsx'
import { formatUnit } from '#components/ui/quantity.ts'
import { axisTicks, type Point, type Series, type Trend } from './series.ts'

/** Recharts breaks a mark at its blanks where it is long, and the second line of the topmost one is cut off. */
const noBreakSpace = '\u00a0'

const tick = { fill: 'var(--faint)', fontSize: 12 }

/** The drawing of a trend. The numbers are beside it as text; this is for the shape. */
export function TrendLines({ title, unit, series, points, threshold }: Trend) {
  const timeZone = useTimeZone()
  const format = formatUnit[unit]
  const first = points[0]?.at ?? 0
  const last = points.at(-1)?.at ?? first
  const ticks = axisTicks(points, unit, threshold)
  const clock = (at: number) =>
    absoluteTime(at, timeZone, last - first > 129_600_000 ? 'minute' : 'clock-minute')
  return (
    <ResponsiveContainer width="100%" height="100%" initialDimension={{ width: 480, height: 160 }}>
      <LineChart
        data={[...points]}
        margin={{ top: 8, right: 28, bottom: 4, left: 4 }}
        accessibilityLayer
        title={title}
      >
        <CartesianGrid vertical={false} stroke="var(--line)" />
        <XAxis
          dataKey="at"
          type="number"
          domain={[first, last]}
          tickFormatter={clock}
          tick={tick}
          tickLine={false}
          axisLine={false}
          minTickGap={56}
          height={20}
        />
        <YAxis
          domain={[0, ticks[3] ?? 1]}
          ticks={ticks}
          interval={0}
          tickFormatter={(value: number) => format(value).replaceAll(' ', noBreakSpace)}
          tick={tick}
          tickLine={false}
          axisLine={false}
          width={64}
        />
        <Tooltip
          isAnimationActive={false}
          cursor={{ stroke: 'var(--line-strong)' }}
          content={<Reading points={points} series={series} format={format} clock={clock} />}
        />
        {threshold ? (
          <ReferenceLine
            y={threshold.value}
            stroke="var(--crit-mark)"
            strokeDasharray="4 4"
            ifOverflow="hidden"
            label={{ value: threshold.label, position: 'insideTopRight', className: 'chart-label' }}
          />
        ) : null}
        {series.map((each) => (
          <Line
            key={each.key}
            dataKey={(point: Point) => point.values[each.key] ?? null}
            name={each.label}
            stroke={`var(--hue-${each.hue})`}
            strokeOpacity={each.emphasis === 'full' ? 1 : 0.5}
            {...(each.emphasis === 'dotted'
              ? { strokeDasharray: '1 3', strokeLinecap: 'round' as const }
              : {})}
            strokeWidth={1.5}
            dot={false}
            activeDot={{ r: 3, strokeWidth: 0 }}
            connectNulls={false}
            isAnimationActive={false}
          />
        ))}
      </LineChart>
    </ResponsiveContainer>
  )
}

type ReadingProps = {
  points: readonly Point[]
  series: readonly Series[]
  format: (value: number) => string
  clock: (at: number) => string
  /** Given by the chart. */
  active?: boolean
  label?: string | number
}

/** The values under the pointer. */
function Reading({ points, series, format, clock, active = false, label }: ReadingProps) {
  const point = active ? points.find((each) => each.at === label) : undefined
  if (!point) return null
  return (
    <div className="popup px-2.5 py-1.5 text-12">
      <p className="text-faint">{clock(point.at)}</p>
      {series.map((each) => {
        const value = point.values[each.key]
        return (
          <p key={each.key} className="flex justify-between gap-4">
            <span className="text-muted">{each.label}</span>
            <b className="font-semibold tabular-nums">
              {value === null || value === undefined ? 'no data' : format(value)}
            </b>
          </p>
        )
      })}
    </div>
  )
}
