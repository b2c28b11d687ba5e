import { ButtonLink } from '#components/ui/button.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { plural } from '#components/ui/quantity.ts'
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

type Restored = NonNullable<HealthSummary['restored']>

/** What people must know of after a restore, since nobody else tells them. */
function RestoredNotice({ restored: { noticed_at, lost_until, devices } }: { restored: Restored }) {
  return (
    <Notice
      state="warning"
      title="This server was restored from a backup"
      actions={<ButtonLink href="/audit?action=server.restored">See the audit</ButtonLink>}
    >
      <p>
        <b className="font-medium text-ink">
          What people did here since the backup is gone: settle it again.
        </b>{' '}
        What devices sent comes again by itself, from each when it is back.
      </p>
      <p className="mt-1">
        Noticed <Time at={noticed_at} show="both" precision="minute" />, by what{' '}
        {plural(devices, 'device knows', 'devices know')}.
        {lost_until ? (
          <>
            {' '}
            The lost history went on until <Time at={lost_until} show="both" precision="minute" /> at least.
          </>
        ) : null}
      </p>
    </Notice>
  )
}

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
      {summary.restored ? <RestoredNotice restored={summary.restored} /> : null}
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
