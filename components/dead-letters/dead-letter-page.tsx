import { DeviceLink } from '#components/devices/device-link.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { JsonText, JsonView } from '#components/ui/json-view.tsx'
import { Notice, Refusal } from '#components/ui/notice.tsx'
import { Fact, Facts, Panel } from '#components/ui/panel.tsx'
import { ShortId } from '#components/ui/short-id.tsx'
import { Time } from '#components/ui/time.tsx'
import { isJsonObject } from '#lib/core/json.ts'
import type { DeadLetterDetail } from '#lib/protocol/console.ts'
import { changeSchema } from '#lib/protocol/sync.ts'
import { Attempts } from './attempts.tsx'
import { codeMend, codeTitle } from './codes.ts'
import { DeadLetterMark } from './dead-letter-mark.tsx'
import { Repair } from './repair.tsx'
import { RestoreButton } from './restore-button.tsx'
import { Link } from '#components/ui/link.tsx'

/** One dead letter: why, what, what was tried; and, for who may, the way out. */
export function DeadLetterPage({
  letter,
  refusal,
}: {
  letter: DeadLetterDetail
  refusal?: string | undefined
}) {
  return (
    <div className="grid items-start gap-4 xl:grid-cols-[minmax(0,1fr)_360px]">
      <div className="flex min-w-0 flex-col gap-4">
        <Notice state={letter.state === 'open' ? 'critical' : 'unknown'} title={codeTitle(letter.code)}>
          <p className="break-words text-ink">{letter.detail}</p>
          {letter.pointers.length > 0 ? (
            <p className="mt-1 flex flex-wrap gap-1">
              {letter.pointers.map((pointer) => (
                <Badge key={pointer} mono>
                  {pointer}
                </Badge>
              ))}
            </p>
          ) : null}
          {letter.state === 'open' ? <p className="mt-1">{codeMend(letter.code)}</p> : null}
        </Notice>
        <Outcome letter={letter} refusal={refusal} />
      </div>
      <div className="flex min-w-0 flex-col gap-4">
        <Panel title="Where it came from">
          <LetterFacts letter={letter} />
        </Panel>
        <Panel title="Attempts" aside={letter.attempts}>
          <Attempts attempts={letter.attempt_log} />
        </Panel>
        <Panel
          title="The record now"
          aside={letter.current ? `version ${letter.current.version}` : undefined}
        >
          {letter.current?.data ? (
            <JsonView label="The record now" value={letter.current.data} className="max-h-72" />
          ) : (
            <p className="text-muted">
              {letter.current ? 'It is deleted.' : 'The server never had this record.'}
            </p>
          )}
        </Panel>
        {letter.schema ? (
          <Panel title="Schema of the table">
            <JsonView label="Schema of the table" value={letter.schema} className="max-h-72" />
          </Panel>
        ) : null}
      </div>
    </div>
  )
}

function Outcome({ letter, refusal }: { letter: DeadLetterDetail; refusal: string | undefined }) {
  if (letter.state === 'open' && refusal === undefined) {
    return (
      <Repair
        key={letter.id}
        id={letter.id}
        etag={letter.etag}
        change={letter.change}
        changeText={letter.change_text}
      />
    )
  }
  return (
    <>
      {letter.state === 'open' ? (
        <Panel>
          <Refusal>{refusal}</Refusal>
        </Panel>
      ) : (
        <Panel title={<DeadLetterMark state={letter.state} />}>
          <div className="flex flex-col gap-3">
            <p className="text-muted">
              {letter.closed_by ? `By ${letter.closed_by}` : 'By the server'}
              {letter.closed_at ? (
                <>
                  , <Time at={letter.closed_at} />
                </>
              ) : null}
              {letter.reason ? `: “${letter.reason}”` : '.'}
            </p>
            {letter.attempt_log.at(-1)?.outcome === 'conflict' && letter.record_id ? (
              <p>
                It met a newer edit.{' '}
                <Link href={`/conflicts?record_id=${letter.record_id}`} className="link">
                  Settle the conflict
                </Link>
              </p>
            ) : null}
            {letter.state === 'discarded' ? (
              refusal === undefined ? (
                <RestoreButton id={letter.id} etag={letter.etag} />
              ) : (
                <Refusal>{refusal}</Refusal>
              )
            ) : null}
          </div>
        </Panel>
      )}
      <Panel title="The change" aside="as the device sent it">
        <JsonText
          label="The change"
          text={letter.change === null ? letter.change_text : JSON.stringify(letter.change, null, 2)}
        />
      </Panel>
    </>
  )
}

function LetterFacts({ letter }: { letter: DeadLetterDetail }) {
  const saga = sagaOfChange(letter.change)
  return (
    <Facts>
      <Fact name="State">
        <DeadLetterMark state={letter.state} />
      </Fact>
      <Fact name="Device">
        <DeviceLink id={letter.device_id} name={letter.device_name} />
      </Fact>
      <Fact name="Given up by">
        {letter.source === 'device' ? 'the device, after its retries' : 'the server'}
      </Fact>
      {letter.table ? (
        <Fact name="Table">
          <Badge mono>{letter.table}</Badge>
        </Fact>
      ) : null}
      {letter.record_id ? (
        <Fact name="Record">
          <ShortId id={letter.record_id} label="record id" />
        </Fact>
      ) : null}
      {saga ? (
        <Fact name="Saga">
          <Link href={`/sagas/${saga.id}`} className="link">
            Step {saga.step} of {saga.steps}
          </Link>
        </Fact>
      ) : null}
      {letter.scope ? <Fact name="Scope">{letter.scope}</Fact> : null}
      <Fact name="Schema version">{letter.schema_version}</Fact>
      <Fact name="Since">
        <Time at={letter.created_at} show="both" precision="minute" />
      </Fact>
      {letter.trace_id ? (
        <Fact name="Trace">
          <ShortId id={letter.trace_id} label="trace id" />{' '}
          <Link href={`/syncs?trace_id=${letter.trace_id}`} className="link">
            Its sync
          </Link>
        </Fact>
      ) : null}
      <Fact name="Group">
        <Link
          href={`/dead-letters?view=list&fingerprint=${encodeURIComponent(letter.fingerprint)}`}
          className="link"
        >
          Others like it
        </Link>
      </Fact>
    </Facts>
  )
}

/** The saga that the change says it is a step of. */
function sagaOfChange(change: DeadLetterDetail['change']) {
  const saga = isJsonObject(change) ? change['saga'] : undefined
  return changeSchema.shape.saga.safeParse(saga).data ?? null
}
