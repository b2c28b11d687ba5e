'use client'

import { useState } from 'react'
import { absoluteTime } from '#components/ui/instant.ts'
import { useTimeZone } from '#components/ui/clock.tsx'
import { Icon } from '#components/ui/icon.tsx'
import { formatUnit } from '#components/ui/quantity.ts'
import { lastValue, type Trend } from './series.ts'
import { TrendLines } from './trend-lines.tsx'

/** A trend with its last values beside the title, its threshold by name, and its numbers behind a toggle. */
export function TrendChart(trend: Trend) {
  const [asTable, setAsTable] = useState(false)
  const format = formatUnit[trend.unit]
  const empty = trend.points.every((point) => Object.values(point.values).every((value) => value === null))
  return (
    <section className="flex min-w-0 flex-col rounded-lg border border-line bg-surface">
      <header className="px-4 pt-1">
        <div className="flex min-h-8 items-center justify-between gap-2">
          <h3 className="text-13 font-semibold">{trend.title}</h3>
          <button
            type="button"
            aria-pressed={asTable}
            aria-label={`${trend.title} as a table`}
            title="Show the numbers"
            onClick={() => setAsTable(!asTable)}
            className="pressable -mr-1.5 rounded-md p-1.5 text-faint hover:bg-hover hover:text-ink aria-pressed:bg-hover aria-pressed:text-ink"
          >
            <Icon name="table" />
          </button>
        </div>
        <ul className="flex flex-wrap items-center gap-x-3 pb-1 text-12">
          {trend.series.map((series) => {
            const last = lastValue(trend.points, series.key)
            return (
              <li key={series.key} className="flex items-center gap-1.5 whitespace-nowrap text-muted">
                <span
                  aria-hidden
                  className={series.emphasis === 'dotted' ? 'w-3 border-t-2 border-dotted' : 'w-3 border-t-2'}
                  style={{
                    borderColor: `var(--hue-${series.hue})`,
                    opacity: series.emphasis === 'full' ? 1 : 0.5,
                  }}
                />
                {series.label}
                <b className="font-semibold text-ink tabular-nums">{last === null ? '–' : format(last)}</b>
              </li>
            )
          })}
          {trend.threshold ? (
            <li className="flex items-center gap-1.5 whitespace-nowrap text-faint">
              <span aria-hidden className="w-3 border-t border-dashed border-crit-mark" />
              limit {trend.threshold.label}
            </li>
          ) : null}
        </ul>
      </header>
      <div className="h-40 min-w-0">
        {asTable ? (
          <TrendTable trend={trend} />
        ) : empty ? (
          <p className="flex h-full items-center justify-center text-faint">
            Nothing was measured in this range.
          </p>
        ) : (
          <TrendLines {...trend} />
        )}
      </div>
    </section>
  )
}

function TrendTable({ trend }: { trend: Trend }) {
  const timeZone = useTimeZone()
  const format = formatUnit[trend.unit]
  return (
    <div
      className="relative h-full overflow-y-auto border-t border-line"
      tabIndex={0}
      role="region"
      aria-label={`${trend.title}, numbers`}
    >
      <table className="w-full text-12">
        <thead className="sticky top-0 bg-sunken text-left text-faint">
          <tr>
            <th scope="col" className="px-4 py-1 font-medium">
              Time ({timeZone})
            </th>
            {trend.series.map((series) => (
              <th key={series.key} scope="col" className="px-4 py-1 text-right font-medium">
                {series.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {trend.points.toReversed().map((point) => (
            <tr key={point.at} className="border-t border-line">
              <td className="px-4 py-1">{absoluteTime(point.at, timeZone, 'minute')}</td>
              {trend.series.map((series) => {
                const value = point.values[series.key]
                return (
                  <td key={series.key} className="px-4 py-1 text-right tabular-nums">
                    {value === null || value === undefined ? '–' : format(value)}
                  </td>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
