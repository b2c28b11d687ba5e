import { TrendChart } from '#components/ui/chart/trend-chart.tsx'
import type { SyncItem } from '#lib/protocol/syncs.ts'

/** How far behind the device was at each of its syncs, and how long they took. */
export function SyncTrends({ syncs }: { syncs: readonly SyncItem[] }) {
  if (syncs.length < 3) return null
  const oldestFirst = syncs.toReversed()
  return (
    <section className="grid gap-4 md:grid-cols-2">
      <h2 className="sr-only">Trends</h2>
      <TrendChart
        title="Lag at each sync"
        unit="seconds"
        series={[{ key: 'lag', label: 'lag', hue: 'lag', emphasis: 'full' }]}
        points={oldestFirst.map((sync) => ({
          at: Date.parse(sync.started_at),
          values: { lag: sync.lag_seconds },
        }))}
        threshold={{ value: 3600, label: '1 h' }}
      />
      <TrendChart
        title="Duration of each sync"
        unit="seconds"
        series={[{ key: 'duration', label: 'took', hue: 'duration', emphasis: 'full' }]}
        points={oldestFirst.map((sync) => ({
          at: Date.parse(sync.started_at),
          values: { duration: sync.duration_ms / 1000 },
        }))}
        threshold={{ value: 30, label: '30 s' }}
      />
    </section>
  )
}
