import { Notice } from '#components/ui/notice.tsx'
import { Time } from '#components/ui/time.tsx'
import type { HealthSummary } from '#lib/protocol/health.ts'
import { Board } from './board.tsx'
import { RangePicker } from './range-picker.tsx'
import { RecentFailures } from './recent-failures.tsx'
import { Trends } from './trends.tsx'
import { VerdictLine } from './verdict.tsx'
import { WorstTable } from './worst-table.tsx'

/** Statistics older than this are not the present: no worker rolls them up. */
const staleAfterMs = 120_000

/** The board: is it healthy, by which numbers, since when, and where it is worst. */
export function HealthPage({ summary }: { summary: HealthSummary }) {
  const rolledUp = summary.rolled_up_at
  const stale = rolledUp !== null && Date.parse(summary.as_of) - Date.parse(rolledUp) > staleAfterMs
  return (
    <>
      <VerdictLine summary={summary} />
      {stale && rolledUp ? (
        <Notice state="warning" title="The trends are not current">
          Statistics were last rolled up <Time at={rolledUp} />. Devices, conflicts and dead letters above are
          current; run a worker to bring the rates and trends up to date.
        </Notice>
      ) : null}
      <Board summary={summary} />
      <div className="flex items-center justify-between gap-4 pt-2">
        <h2 className="text-14 font-semibold">Trends</h2>
        <RangePicker />
      </div>
      <div className="grid items-start gap-4 xl:grid-cols-[minmax(0,1fr)_360px]">
        <Trends trends={summary.trends} />
        <RecentFailures failures={summary.recent_failures} />
      </div>
      <h2 className="pt-2 text-14 font-semibold">Where it goes worst</h2>
      <div className="grid items-start gap-4 lg:grid-cols-2 xl:grid-cols-3">
        <WorstTable title="Scopes" noun="Scope" items={summary.worst.scopes} filter="scope" />
        <WorstTable title="Tables" noun="Table" items={summary.worst.tables} filter="table" />
        <WorstTable
          title="App versions"
          noun="Version"
          items={summary.worst.app_versions}
          filter="app_version"
        />
      </div>
    </>
  )
}
