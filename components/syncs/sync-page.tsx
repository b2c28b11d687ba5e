import { DeviceLink } from '#components/devices/device-link.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Fact, Facts, Panel } from '#components/ui/panel.tsx'
import { formatBytes, formatCount, formatMs, formatSeconds, plural } from '#components/ui/quantity.ts'
import { ShortId } from '#components/ui/short-id.tsx'
import { Time } from '#components/ui/time.tsx'
import type { SyncDetail } from '#lib/protocol/syncs.ts'
import { SyncMark } from './sync-mark.tsx'
import { TouchedTable } from './touched-table.tsx'
import { WaterfallView } from './waterfall.tsx'
import { Link } from '#components/ui/link.tsx'

/** One sync: what came of it, where its time went, what it touched. */
export function SyncPage({ sync, tracerUrl }: { sync: SyncDetail; tracerUrl: string | null }) {
  return (
    <>
      {sync.outcome === 'failed' ? (
        <Notice
          state="critical"
          title={`Answered ${sync.status}${sync.error_code ? `: ${sync.error_code.replaceAll('_', ' ')}` : ''}`}
        >
          The device keeps its changes and tries again; nothing that was acknowledged is lost.
        </Notice>
      ) : null}
      <div className="grid gap-x-8 gap-y-4 rounded-lg border border-line bg-surface p-4 md:grid-cols-3">
        <Facts>
          <Fact name="Outcome">
            <SyncMark outcome={sync.outcome} />
          </Fact>
          <Fact name="Device">
            <DeviceLink id={sync.device_id} name={sync.device_name} />
          </Fact>
          <Fact name="Started">
            <Time at={sync.started_at} show="both" />
          </Fact>
          <Fact name="Took">{formatMs(sync.duration_ms)}</Fact>
        </Facts>
        <Facts>
          <Fact name="Pushed">
            {formatCount(sync.pushed)}
            {sync.pushed > 0 ? <span className="text-faint"> · {outcomes(sync)}</span> : null}
          </Fact>
          <Fact name="Pulled">{formatCount(sync.pulled)}</Fact>
          <Fact name="Bytes">
            {formatBytes(sync.request_bytes)} in, {formatBytes(sync.response_bytes)} out
          </Fact>
          <Fact name="Lag">
            {sync.lag_seconds === null ? 'its first sync' : formatSeconds(sync.lag_seconds)}
          </Fact>
        </Facts>
        <Facts>
          <Fact name="Scopes">{sync.scopes.join(', ') || 'none'}</Fact>
          <Fact name="App">{sync.app_version || 'not said'}</Fact>
          {sync.resync ? <Fact name="Resync">{sync.resync.replaceAll('_', ' ')}</Fact> : null}
          <Fact name="Trace">
            {sync.trace_id ? <ShortId id={sync.trace_id} label="trace id" /> : 'none'}{' '}
            {tracerUrl ? (
              <a href={tracerUrl} className="link" target="_blank" rel="noreferrer">
                Open in your tracer
              </a>
            ) : null}
          </Fact>
        </Facts>
      </div>
      <Panel
        title="Where the time went"
        aside={sync.spans.length > 0 ? plural(sync.spans.length, 'span') : ''}
        flush
      >
        {sync.spans.length === 0 ? (
          <EmptyState title="Its spans were not kept">
            The spans of recent syncs are kept, bounded and sampled. An OTLP exporter keeps all of them in
            your tracer.
          </EmptyState>
        ) : (
          <WaterfallView spans={sync.spans} />
        )}
      </Panel>
      <Panel title="What it touched, in order" aside={plural(sync.touched.length, 'change')} flush>
        <TouchedTable touched={sync.touched} nothing={nothingWords(sync)} />
      </Panel>
      {sync.siblings.length > 0 ? (
        <Panel title="Other requests of the same sync">
          <ul className="flex flex-col gap-1.5">
            {sync.siblings.map((sibling) => (
              <li key={sibling.id} className="flex items-center gap-4">
                <SyncMark outcome={sibling.outcome} />
                <Link href={`/syncs/${sibling.id}`} className="row-link">
                  <Time at={sibling.started_at} show="absolute" />
                </Link>
                <span className="text-muted tabular-nums">{formatMs(sibling.duration_ms)}</span>
              </li>
            ))}
          </ul>
        </Panel>
      ) : null}
    </>
  )
}

/** Why a sync left nothing in the log. */
function nothingWords(sync: SyncDetail): string {
  if (sync.outcome === 'failed') return 'It wrote nothing: the request failed as a whole.'
  if (sync.rejected > 0) return 'It wrote nothing: what it sent was refused.'
  if (sync.pushed > 0) return 'It wrote nothing: what it sent was known already.'
  return 'It wrote nothing: it only fetched.'
}

function outcomes(sync: SyncDetail): string {
  const parts: [number, string][] = [
    [sync.applied, 'applied'],
    [sync.merged, 'merged'],
    [sync.superseded, 'superseded'],
    [sync.no_change, 'no change'],
    [sync.conflicts, 'in conflict'],
    [sync.rejected, 'rejected'],
    [sync.replayed, 'seen before'],
  ]
  return parts
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${formatCount(count)} ${word}`)
    .join(', ')
}
