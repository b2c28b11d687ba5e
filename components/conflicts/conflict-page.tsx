import { DeviceLink } from '#components/devices/device-link.tsx'
import { isSkewed, skewWords } from '#components/devices/reasons.ts'
import { recordPath } from '#components/records/address.ts'
import { HlcTime } from '#components/records/hlc-time.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { DiffView } from '#components/ui/diff-view.tsx'
import { JsonView } from '#components/ui/json-view.tsx'
import { Fact, Facts, Panel } from '#components/ui/panel.tsx'
import { formatCount, plural } from '#components/ui/quantity.ts'
import { ShortId } from '#components/ui/short-id.tsx'
import { StateShape } from '#components/ui/state-mark.tsx'
import { Time } from '#components/ui/time.tsx'
import { fieldChanges } from '#lib/core/field-diff.ts'
import type { ConflictDetail } from '#lib/protocol/console.ts'
import { ConflictMark } from './conflict-mark.tsx'
import { Resolver } from './resolver.tsx'
import { UndoResolution } from './undo-resolution.tsx'
import { VectorTable } from './vector-table.tsx'
import { Link } from '#components/ui/link.tsx'

const strategyWords: Record<string, string> = {
  manual: 'manual: a person decides every clash',
  merge: 'merge: field by field',
  fww: 'first write wins',
  lww: 'last write wins',
}

/** Why a person has to look at it. */
function whyWords({ saga, strategy, fields, operation }: ConflictDetail): string {
  if (saga?.undoes) return 'others edited the same since, or what the step added only grows'
  if (fields.length === 0) {
    return operation === 'DELETE' ? 'they deleted what we changed' : 'one side deleted what the other changed'
  }
  if (strategy === 'fww') return 'ours came first'
  if (strategy === 'manual') return 'the table leaves every clash to a person'
  return `both sides changed ${fields.map((field) => field || 'the whole record').join(', ')}`
}

const orderWords: Record<ConflictDetail['vector_order'], string> = {
  concurrent: 'concurrent: neither side had seen the other',
  before: 'theirs is behind ours',
  after: 'theirs had seen ours',
  equal: 'equal',
}

/** One conflict: what stands against what, and how it was or can be settled. */
export function ConflictPage({
  conflict,
  refusal,
}: {
  conflict: ConflictDetail
  refusal?: string | undefined
}) {
  const ours = oursOf(conflict)
  const states = { base: conflict.base.data, client: conflict.client.data, server: conflict.current.data }
  return (
    <>
      <div className="grid gap-x-8 gap-y-4 rounded-lg border border-line bg-surface p-4 md:grid-cols-3">
        <Facts>
          <Fact name="State">
            <ConflictMark state={conflict.state} choice={conflict.choice} />
          </Fact>
          <Fact name="Record">
            <Badge mono>{conflict.table}</Badge> <ShortId id={conflict.record_id} label="record id" />{' '}
            <Link
              href={recordPath({ scope: conflict.scope, table: conflict.table, id: conflict.record_id })}
              className="link"
            >
              History
            </Link>
          </Fact>
          <Fact name="Scope">{conflict.scope}</Fact>
          <Fact name="Since">
            <Time at={conflict.created_at} show="both" precision="minute" />
          </Fact>
          <Fact name="Why">{whyWords(conflict)}</Fact>
        </Facts>
        <Facts>
          <Fact name="Theirs">
            {conflict.saga?.undoes ? (
              'the server, undoing a saga'
            ) : conflict.device_id === null ? (
              'the server'
            ) : (
              <DeviceLink id={conflict.device_id} name={conflict.device_name} />
            )}
          </Fact>
          <Fact name="Did">
            {conflict.operation.toLowerCase()} on version {conflict.base_version}
            {conflict.later_op_ids.length > 0
              ? `, and ${plural(conflict.later_op_ids.length, 'edit')} after it`
              : ''}
          </Fact>
          {conflict.saga?.undoes ? null : (
            <Fact name="By its clock">
              <HlcTime hlc={conflict.client.hlc} />
              <Skew ms={conflict.client.clock_skew_ms} />
            </Fact>
          )}
          <Fact name="Strategy">{strategyWords[conflict.strategy] ?? conflict.strategy}</Fact>
          {conflict.to_scope === null ? null : (
            <Fact name="Moves it to">
              scope {conflict.to_scope}
              {conflict.state === 'resolved' && conflict.scope !== conflict.to_scope
                ? ', which was not followed'
                : ''}
            </Fact>
          )}
          {conflict.saga ? (
            <Fact name="Saga">
              {conflict.saga.undoes ? 'Undoes ' : ''}
              <Link href={`/sagas/${conflict.saga.id}`} className="link">
                step {conflict.saga.step} of a saga
              </Link>
            </Fact>
          ) : null}
        </Facts>
        <Facts>
          <Fact name="Ours">
            version {ours.version}, by {ours.by}
          </Fact>
          {conflict.state === 'open' ? (
            <Fact name="Written">
              <Time at={conflict.current.updated_at} show="both" precision="minute" />
            </Fact>
          ) : null}
          {conflict.saga?.undoes ? null : <Fact name="Vectors">{orderWords[conflict.vector_order]}</Fact>}
          {conflict.trace_id ? (
            <Fact name="Trace">
              <ShortId id={conflict.trace_id} label="trace id" />{' '}
              <Link href={`/syncs?trace_id=${conflict.trace_id}`} className="link">
                Its sync
              </Link>
            </Fact>
          ) : null}
        </Facts>
      </div>
      {conflict.state === 'open' ? (
        <Resolver
          key={conflict.id}
          id={conflict.id}
          etag={conflict.etag}
          version={conflict.current.version}
          fields={conflict.field_views}
          states={states}
          scope={conflict.scope}
          toScope={conflict.to_scope}
          names={{
            client: conflict.saga?.undoes ? 'before the saga' : (conflict.device_name ?? 'the device'),
            server: `version ${ours.version}, ${ours.by}`,
          }}
          refusal={refusal}
        />
      ) : (
        <Resolved conflict={conflict} refusal={refusal} />
      )}
      {conflict.vector_entries.length > 0 && !conflict.saga?.undoes ? (
        <Panel title="Version vectors" aside={orderWords[conflict.vector_order]} flush>
          <VectorTable entries={conflict.vector_entries} />
        </Panel>
      ) : null}
    </>
  )
}

/** What the device's edit stands against: the record as it is now while that is open, as it was then when it is settled. */
function oursOf(conflict: ConflictDetail): { version: number; by: string } {
  if (conflict.state === 'open') {
    const { version, by } = conflict.current
    return { version, by: by.name ?? by.kind }
  }
  return { version: conflict.server_version, by: conflict.server_device_name ?? 'a person' }
}

/** What to make of the time that a device gives: nothing where its clock is right. */
function Skew({ ms }: { ms: number | null }) {
  if (ms === null || !isSkewed(ms)) return null
  return (
    <span className="flex items-center gap-1.5 text-warn">
      <StateShape state="warning" className="scale-80" />
      its clock is {skewWords(ms)}
    </span>
  )
}

/** How far the resolution has come: a device confirms it with the sync after the one that brought it. */
function Reached({ conflict }: { conflict: ConflictDetail }) {
  const reached = conflict.resolution?.reached
  if (!reached || reached.devices === 0) return null
  const { devices, confirmed, sender } = reached
  return (
    <p className="mb-3 flex flex-wrap items-center gap-x-1.5">
      <StateShape state={confirmed === devices ? 'healthy' : 'unknown'} />
      {confirmed === devices
        ? `${devices === 1 ? 'The device' : `All ${plural(devices, 'device')}`} of the scope confirmed it.`
        : `${formatCount(confirmed)} of ${plural(devices, 'device')} of the scope confirmed it.`}
      {sender === null || confirmed === devices ? null : (
        <span className="text-muted">
          {conflict.device_name ?? 'Theirs'} {sender ? 'is among them.' : 'does so with its next sync.'}
        </span>
      )}
    </p>
  )
}

/** How it was settled: by whom, why, and what that did to either side. */
function Resolved({ conflict, refusal }: { conflict: ConflictDetail; refusal: string | undefined }) {
  const data = conflict.resolution?.data
  return (
    <div className="grid items-start gap-4 xl:grid-cols-2">
      <Panel
        title="Resolution"
        aside={conflict.resolution ? `version ${conflict.resolution.version}` : undefined}
      >
        <p role="status">
          Resolved by {conflict.resolved_by ?? 'the server'}
          {conflict.resolved_at ? (
            <>
              , <Time at={conflict.resolved_at} />
            </>
          ) : null}
          {conflict.reason ? `: “${conflict.reason}”` : '. No reason was given.'}
        </p>
        <p className="mt-1 mb-3 text-muted">
          Both sides are kept in the{' '}
          <Link
            href={recordPath({ scope: conflict.scope, table: conflict.table, id: conflict.record_id })}
            className="link"
          >
            record’s history
          </Link>
          .
          {conflict.resolution?.moved_from
            ? ` The record went from scope ${conflict.resolution.moved_from} to ${conflict.scope}.`
            : ''}
        </p>
        <Reached conflict={conflict} />
        {data ? (
          <JsonView label="The record as it was resolved" value={data} className="max-h-96" />
        ) : (
          <p>The record was deleted.</p>
        )}
        {conflict.resolution?.can_undo && refusal === undefined ? (
          <div className="mt-4">
            <UndoResolution id={conflict.id} etag={conflict.etag} />
          </div>
        ) : null}
        {conflict.resolution?.undo_refusal ? (
          <p className="mt-4 text-muted">It cannot be undone any more. {conflict.resolution.undo_refusal}</p>
        ) : null}
      </Panel>
      <Panel title="What it changed against ours">
        <DiffView label="Against ours" differences={fieldChanges(conflict.server.data, data ?? null)} />
        <h3 className="mt-6 mb-2 text-13 font-semibold">What it changed against theirs</h3>
        <DiffView label="Against theirs" differences={fieldChanges(conflict.client.data, data ?? null)} />
      </Panel>
    </div>
  )
}
