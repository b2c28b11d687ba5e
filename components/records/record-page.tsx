import { DeviceLink } from '#components/devices/device-link.tsx'
import { JsonValue } from '#components/ui/json-value.tsx'
import { JsonView } from '#components/ui/json-view.tsx'
import { Fact, Facts, Panel } from '#components/ui/panel.tsx'
import { formatCount, plural } from '#components/ui/quantity.ts'
import { ShortId } from '#components/ui/short-id.tsx'
import { StateMark } from '#components/ui/state-mark.tsx'
import { Time } from '#components/ui/time.tsx'
import { isCrdt } from '#lib/core/crdt/types.ts'
import { isJsonObject, type JsonObject } from '#lib/core/json.ts'
import { formatPath } from '#lib/core/merge.ts'
import type { RecordState, RecordVersion } from '#lib/protocol/console.ts'
import { tablePath } from './address.ts'
import { History } from './history.tsx'
import { HlcTime } from './hlc-time.tsx'
import { Link } from '#components/ui/link.tsx'

type RecordPageProps = { record: RecordState; history: RecordVersion[]; total: number }

/** One record: as it is now, and everything that happened to it, what lost included. */
export function RecordPage({ record, history, total }: RecordPageProps) {
  const crdts = record.data ? crdtsIn(record.data) : []
  const names = new Map(history.map(({ by }) => [by.id, by.name]))
  const seen = Object.entries(record.vector)
  return (
    <div className="grid items-start gap-4 xl:grid-cols-[minmax(0,1fr)_minmax(0,420px)]">
      <Panel title="History" aside={plural(total, 'operation')} flush>
        <History versions={history} />
      </Panel>
      <div className="flex min-w-0 flex-col gap-4">
        <Panel title="Record">
          <Facts>
            <Fact name="Id">
              <ShortId id={record.record_id} label="record id" />
            </Fact>
            <Fact name="Table">
              <Link href={tablePath(record.table)} className="link">
                {record.table}
              </Link>
            </Fact>
            <Fact name="Scope">{record.scope}</Fact>
            <Fact name="State">
              {record.deleted ? (
                <StateMark state="revoked" word="Deleted" />
              ) : (
                <StateMark state="healthy" word={`Version ${record.version}`} />
              )}
            </Fact>
            <Fact name="Changed">
              <Time at={record.updated_at} show="both" precision="minute" />
            </Fact>
            <Fact name="Last writer">
              {record.last_device_id === null ? (
                (history[0]?.by.name ?? 'the server')
              ) : (
                <DeviceLink id={record.last_device_id} name={names.get(record.last_device_id) ?? null} />
              )}
            </Fact>
            <Fact name="By its clock">
              <HlcTime hlc={record.hlc} />
            </Fact>
            <Fact name="Checksum">
              <ShortId id={record.checksum} label="checksum" />
            </Fact>
          </Facts>
        </Panel>
        {crdts.length > 0 ? (
          <Panel title="What its CRDTs say">
            <Facts>
              {crdts.map(({ path, state }) => (
                <Fact key={path} name={<span className="font-mono text-12">{path}</span>}>
                  <JsonValue value={state} whole />
                </Fact>
              ))}
            </Facts>
          </Panel>
        ) : null}
        {seen.length > 0 ? (
          <Panel title="Version vector" aside="operations it includes">
            <Facts>
              {seen.map(([device, count]) => (
                <Fact key={device} name={<DeviceLink id={device} name={names.get(device) ?? null} />}>
                  up to {formatCount(count)}
                </Fact>
              ))}
            </Facts>
          </Panel>
        ) : null}
        {record.data ? (
          <Panel title="As it is now">
            <JsonView label="As it is now" value={record.data} />
          </Panel>
        ) : null}
      </div>
    </div>
  )
}

/** The CRDTs of a record, whatever its table makes of them. */
function crdtsIn(data: JsonObject, above: string[] = []): { path: string; state: JsonObject }[] {
  return Object.entries(data).flatMap(([name, value]) => {
    const at = [...above, name]
    if (isCrdt(value)) return [{ path: formatPath(at), state: value }]
    return isJsonObject(value) ? crdtsIn(value, at) : []
  })
}
