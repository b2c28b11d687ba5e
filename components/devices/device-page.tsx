import { Badge } from '#components/ui/badge.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Fact, Facts, Panel } from '#components/ui/panel.tsx'
import { formatBytes, formatCount, formatSeconds, plural } from '#components/ui/quantity.ts'
import { ShortId } from '#components/ui/short-id.tsx'
import { Stat, StatRow } from '#components/ui/stat.tsx'
import { StateMark, StateShape } from '#components/ui/state-mark.tsx'
import { Time } from '#components/ui/time.tsx'
import type { DeviceDetail } from '#lib/protocol/devices.ts'
import type { SyncItem } from '#lib/protocol/syncs.ts'
import { SyncStrip } from '#components/syncs/sync-strip.tsx'
import { EventLog } from './event-log.tsx'
import { Positions } from './positions.tsx'
import { reasonWords, skewWords } from './reasons.ts'
import { StateMachine } from './state-machine.tsx'
import { SyncTrends } from './sync-trends.tsx'
import { Link } from '#components/ui/link.tsx'

/** One device: how it is and why, what it did, where it stands. */
export function DevicePage({ device, syncs }: { device: DeviceDetail; syncs: SyncItem[] }) {
  const fine = device.reasons.length === 0
  return (
    <>
      <Notice
        state={fine ? (device.state === 'healthy' ? 'healthy' : 'unknown') : device.state}
        title={<StateWords device={device} />}
      >
        {fine ? null : (
          <ul>
            {device.reasons.map((reason) => (
              <li key={reason.code} className="flex items-center gap-1.5">
                <StateShape state={reason.state} className="scale-80" />
                {reasonWords(reason, device)}
                {reason.since ? (
                  <span className="text-faint">
                    since <Time at={reason.since} />
                  </span>
                ) : null}
              </li>
            ))}
          </ul>
        )}
        {device.resync_reason ? <p>A resync was asked for; the device has not come for it yet.</p> : null}
      </Notice>
      <StatRow label="Figures">
        <Stat
          name="Lag"
          value={formatSeconds(Math.round(device.lag_seconds))}
          href={`/syncs?device=${device.id}`}
        />
        <Stat
          name="Changes pending"
          value={formatCount(device.pending)}
          beside={device.pending_critical > 0 ? `${device.pending_critical} critical` : ''}
          href="#queue"
        />
        <Stat
          name="Open conflicts"
          value={formatCount(device.open_conflicts)}
          href={`/conflicts?device_id=${device.id}`}
        />
        <Stat
          name="Dead letters"
          value={formatCount(device.open_dead_letters)}
          href={`/dead-letters?view=list&device_id=${device.id}`}
        />
        <Stat
          name="Failed syncs"
          value={formatCount(syncs.filter((sync) => sync.outcome === 'failed').length)}
          beside={`of the last ${syncs.length}`}
          href={`/syncs?device=${device.id}&outcome=failed`}
        />
      </StatRow>
      <div className="grid items-start gap-4 xl:grid-cols-[minmax(0,1fr)_360px]">
        <div className="flex min-w-0 flex-col gap-4">
          <SyncTrends syncs={syncs} />
          <SyncStrip
            syncs={syncs.slice(0, 12)}
            title="Last syncs"
            more={
              <Link href={`/syncs?device=${device.id}`} className="link">
                All its syncs
              </Link>
            }
          />
          <div className="grid items-start gap-4 lg:grid-cols-2">
            <StateMachine device={device} />
            <EventLog
              title="Errors it reported"
              events={device.errors}
              empty="The device has not reported an error."
            />
          </div>
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          <Panel title="Device">
            <Facts>
              <Fact name="Id">
                <ShortId id={device.id} label="device id" />
              </Fact>
              <Fact name="App">
                {device.app_version || 'not said'} <span className="text-faint">{device.platform}</span>
              </Fact>
              <Fact name="Schema version">
                {device.schema_version}
                {device.schemas
                  .filter(({ state }) => state !== 'ahead')
                  .map(({ table, version, server_version, state }) => (
                    <span
                      key={table}
                      className={state === 'unsupported' ? 'block text-crit' : 'block text-muted'}
                    >
                      {table}: {version}, the server has {server_version}
                      {state === 'unsupported' ? ' and does not take it' : ''}
                    </span>
                  ))}
              </Fact>
              <Fact name="Seen">{device.last_seen_at ? <Time at={device.last_seen_at} /> : 'never'}</Fact>
              <Fact name="Last sync">
                {device.last_sync_at ? <Time at={device.last_sync_at} /> : 'never'}
              </Fact>
              {device.full_sync ? (
                <Fact name="Full sync">
                  {device.full_sync.state === 'loading'
                    ? 'loading since '
                    : `${formatCount(device.full_sync.ahead)} before it, waiting since `}
                  <Time at={device.full_sync.since} />
                </Fact>
              ) : null}
              <Fact name="Clock">{skewWords(device.clock_skew_ms)}</Fact>
              <Fact name="Sagas">
                <Link href={`/sagas?state=all&device_id=${device.id}`} className="link">
                  What it sent as one transaction
                </Link>
              </Fact>
              <Fact name="Enrolled">
                <Time at={device.enrolled_at} show="absolute" precision="minute" />
                {device.enrollment_key ? (
                  <span className="text-faint"> with {device.enrollment_key.name}</span>
                ) : null}
              </Fact>
              {device.revoked_at ? (
                <Fact name="Revoked">
                  <Time at={device.revoked_at} show="both" precision="minute" />
                </Fact>
              ) : null}
            </Facts>
          </Panel>
          <div id="queue">
            <Panel title="Queue on the device">
              <Facts>
                <Fact name="State">
                  <Badge mono>{device.sync_state}</Badge>
                </Fact>
                <Fact name="Pending">
                  {formatCount(device.pending)} ({device.pending_critical} critical,{' '}
                  {Math.max(0, device.pending - device.pending_critical - device.pending_bulk)} normal,{' '}
                  {device.pending_bulk} bulk)
                </Fact>
                <Fact name="Oldest">
                  {device.oldest_pending_at ? <Time at={device.oldest_pending_at} /> : 'none'}
                </Fact>
                <Fact name="Retries">{device.retries}</Fact>
                <Fact name="Breaker">
                  <StateMark
                    state={device.breaker === 'closed' ? 'healthy' : 'warning'}
                    word={device.breaker.replace('_', ' ')}
                  />
                </Fact>
                <Fact name="Storage">
                  {device.storage_bytes === null ? 'not said' : formatBytes(device.storage_bytes)}
                </Fact>
              </Facts>
            </Panel>
          </div>
          <Positions positions={device.positions} />
          <Panel title="Lives of its store" aside={plural(device.incarnations.length, 'incarnation')}>
            <ul className="flex flex-col gap-2">
              {device.incarnations.map((life) => (
                <li key={life.incarnation} className="flex items-center gap-2">
                  <ShortId id={life.incarnation} label="incarnation" />
                  <span className="flex-1 text-muted">
                    {plural(life.last_seq, 'operation')}
                    {life.holes > 0 ? `, ${plural(life.holes, 'hole')}` : ''}
                  </span>
                  <span className="text-12 text-faint">
                    {life.is_current ? 'current' : <Time at={life.created_at} />}
                  </span>
                </li>
              ))}
            </ul>
          </Panel>
        </div>
      </div>
    </>
  )
}

function StateWords({ device }: { device: DeviceDetail }) {
  const words: Record<DeviceDetail['state'], string> = {
    healthy: 'Healthy',
    warning: 'Needs a look',
    critical: 'Needs help now',
    unknown: 'Enrolled, but it has not synced yet',
    paused: 'Paused: its syncs wait until it is resumed',
    revoked: 'Revoked: its token opens nothing',
  }
  return (
    <>
      {words[device.state]}
      {device.is_syncing ? (
        <span className="animate-pulse-soft font-normal text-accent"> · syncing now</span>
      ) : null}
    </>
  )
}
