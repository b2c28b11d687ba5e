import type { Hue, Series, Trend } from '#components/ui/chart/series.ts'
import { TrendChart } from '#components/ui/chart/trend-chart.tsx'
import { formatUnit } from '#components/ui/quantity.ts'
import type { HealthTrend, TrendMetric } from '#lib/protocol/health.ts'

const looks: Record<TrendMetric, { title: string; hue: Hue }> = {
  lag: { title: 'Sync lag', hue: 'lag' },
  failure_rate: { title: 'Failure rate', hue: 'failure' },
  conflict_rate: { title: 'Conflict rate', hue: 'conflict' },
  queue_depth: { title: 'Queue depth, changes', hue: 'queue' },
  payload: { title: 'Payload size', hue: 'payload' },
  duration: { title: 'Sync duration', hue: 'duration' },
}

/** How much each series of one hue stands out: the one to watch is drawn in full. */
const emphasis: Record<string, Series['emphasis']> = {
  p50: 'faint',
  max: 'dotted',
  normal: 'faint',
  bulk: 'dotted',
}
const words: Record<string, string> = { rate: 'now' }

export function Trends({ trends }: { trends: readonly HealthTrend[] }) {
  return (
    <div className="grid gap-4 md:grid-cols-2">
      {trends.map((trend) => (
        <TrendChart key={trend.metric} {...toTrend(trend)} />
      ))}
    </div>
  )
}

function toTrend({ metric, unit, threshold, points }: HealthTrend): Trend {
  const { title, hue } = looks[metric]
  const keys = [...new Set(points.flatMap((point) => Object.keys(point.values)))]
  const series: Series[] = keys.map((key) => ({
    key,
    label: words[key] ?? key,
    hue,
    emphasis: emphasis[key] ?? 'full',
  }))
  return {
    title,
    unit,
    series,
    points: points.map((point) => ({ at: Date.parse(point.at), values: point.values })),
    threshold: { value: threshold, label: formatUnit[unit](threshold) },
  }
}
