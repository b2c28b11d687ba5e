import { formatCount, formatRatio, formatSeconds } from '#components/ui/quantity.ts'
import { Stat, StatRow } from '#components/ui/stat.tsx'
import { StateShape } from '#components/ui/state-mark.tsx'
import type { Figure, HealthSummary } from '#lib/protocol/health.ts'

/** The numbers of the fleet; each opens the list that explains it. */
export function Board({ summary }: { summary: HealthSummary }) {
  const { devices } = summary
  const { healthy, warning, critical } = devices.states
  const share = (value: number | null) => (value === null ? '' : formatRatio(value))
  return (
    <div className="flex flex-col gap-4">
      <StatRow label="Devices">
        <Stat
          name="Active devices"
          value={show(devices.active.now, formatCount)}
          beside={beside(`of ${formatCount(devices.total)}`, before(devices.active, formatCount))}
          href="/devices?activity=active"
        />
        <Stat
          name="Syncing now"
          value={show(devices.syncing.now, formatCount)}
          href="/devices?activity=syncing"
        />
        <Stat
          name="Wrong clock"
          value={show(devices.skewed.now, formatCount)}
          beside={before(devices.skewed, formatCount)}
          href="/devices?sort=-skew"
        />
        <Stat
          name="Healthy"
          mark={<StateShape state="healthy" />}
          value={show(healthy.now, formatCount)}
          beside={beside(share(healthy.share), before(healthy, formatCount))}
          href="/devices?state=healthy"
        />
        <Stat
          name="Warning"
          mark={<StateShape state="warning" />}
          value={show(warning.now, formatCount)}
          beside={beside(share(warning.share), before(warning, formatCount))}
          href="/devices?state=warning"
        />
        <Stat
          name="Critical"
          mark={<StateShape state="critical" />}
          value={show(critical.now, formatCount)}
          beside={beside(share(critical.share), before(critical, formatCount))}
          href="/devices?state=critical"
        />
      </StatRow>
      <StatRow label="Syncing">
        <Stat
          name="Average sync lag"
          value={show(summary.lag.average_seconds.now, formatSeconds)}
          beside={before(summary.lag.average_seconds, formatSeconds)}
          href="/devices?sort=-lag"
        />
        <Stat
          name="Failure rate, 5 min"
          value={show(summary.failure_rate.now, formatRatio)}
          beside={before(summary.failure_rate, formatRatio)}
          href="/syncs?outcome=failed"
        />
        <Stat
          name="Conflict rate, 5 min"
          value={show(summary.conflict_rate.now, formatRatio)}
          beside={before(summary.conflict_rate, formatRatio)}
          href="/conflicts"
        />
        <Stat
          name="Changes waiting on devices"
          value={show(summary.queue_depth.total.now, formatCount)}
          beside={before(summary.queue_depth.total, formatCount)}
          href="/devices?sort=-pending"
        />
        <Stat
          name="Syncs a minute"
          value={show(summary.syncs_per_minute.now, (value) => formatCount(Math.round(value)))}
          beside={before(summary.syncs_per_minute, (value) => formatCount(Math.round(value)))}
          href="/syncs"
        />
      </StatRow>
    </div>
  )
}

/** What is not known is not zero. */
function show(value: number | null, format: (value: number) => string): string {
  return value === null ? '–' : format(value)
}

function before(figure: Figure, format: (value: number) => string): string {
  return figure.hour_ago === null ? '' : `${format(figure.hour_ago)} an hour ago`
}

function beside(...parts: string[]): string {
  return parts.filter((part) => part !== '').join(' · ')
}
