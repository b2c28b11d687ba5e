import { EmptyState } from '#components/ui/empty-state.tsx'
import { Panel } from '#components/ui/panel.tsx'
import { shortenMiddle } from '#components/ui/shorten.ts'
import { StateShape } from '#components/ui/state-mark.tsx'
import { Time } from '#components/ui/time.tsx'
import type { RecentFailure } from '#lib/protocol/health.ts'
import { Link } from '#components/ui/link.tsx'

const pages: Record<RecentFailure['kind'], (failure: RecentFailure) => string> = {
  sync: (failure) => `/syncs/${failure.id}`,
  device: (failure) => `/devices/${failure.device_id}`,
  conflict: (failure) => `/conflicts/${failure.id}`,
  dead_letter: (failure) => `/dead-letters/${failure.id}`,
}

/** What failed lately, newest first; each line opens what it is about. */
export function RecentFailures({ failures }: { failures: readonly RecentFailure[] }) {
  return (
    <Panel
      title="Recent failures"
      flush
      actions={
        <Link href="/syncs?outcome=failed" className="link">
          All failed syncs
        </Link>
      }
    >
      {failures.length === 0 ? (
        <EmptyState title="Nothing failed lately" state="healthy">
          No sync was refused, no change given up, no conflict opened.
        </EmptyState>
      ) : (
        <ul>
          {failures.map((failure) => (
            <li
              key={`${failure.kind} ${failure.id} ${failure.code}`}
              className="border-b border-line last:border-0"
            >
              <Link
                href={pages[failure.kind](failure)}
                className="pressable flex items-start gap-2.5 px-4 py-2 hover:bg-hover focus-visible:outline-offset-[-2px]"
              >
                <StateShape
                  state={failure.kind === 'conflict' ? 'warning' : 'critical'}
                  className="mt-[5px]"
                />
                <span className="min-w-0 flex-1">
                  <span className="flex items-baseline gap-2">
                    <span className="min-w-0 truncate font-medium">
                      {failure.device_name ?? shortenMiddle(failure.device_id)}
                    </span>
                    <span className="truncate text-muted">
                      {failure.kind === 'conflict' ? 'in conflict' : failure.code.replaceAll('_', ' ')}
                      {failure.count > 1 ? ` × ${failure.count}` : ''}
                    </span>
                    <span className="flex-1" />
                    <Time at={failure.at} className="shrink-0 text-12 text-faint" />
                  </span>
                  {failure.detail ? (
                    <span className="block truncate text-12 text-faint">{failure.detail}</span>
                  ) : null}
                </span>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}
