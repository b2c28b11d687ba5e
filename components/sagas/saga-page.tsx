import { DeviceLink } from '#components/devices/device-link.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { ButtonLink } from '#components/ui/button.tsx'
import { JsonView } from '#components/ui/json-view.tsx'
import { Link } from '#components/ui/link.tsx'
import { Notice, Refusal } from '#components/ui/notice.tsx'
import { Fact, Facts, Panel } from '#components/ui/panel.tsx'
import { plural } from '#components/ui/quantity.ts'
import { ShortId } from '#components/ui/short-id.tsx'
import { shortenMiddle } from '#components/ui/shorten.ts'
import { Time } from '#components/ui/time.tsx'
import type { SagaDetail } from '#lib/protocol/sagas.ts'
import { CallOff } from './call-off.tsx'
import { RetryDialog } from './retry-dialog.tsx'
import { sagaLooks, SagaMark } from './saga-mark.tsx'
import { StepList } from './step-list.tsx'
import { outcomeWords } from './words.ts'

/** One saga: how far it came, what set it back, what was undone; and, for who may, what to do about it. */
export function SagaPage({ saga, refusal }: { saga: SagaDetail; refusal?: string | undefined }) {
  const failed = saga.step_list.find(({ step }) => step === saga.failed_step)
  return (
    <div className="grid items-start gap-4 xl:grid-cols-[minmax(0,1fr)_360px]">
      <div className="flex min-w-0 flex-col gap-4">
        <Notice
          state={sagaLooks[saga.state].state}
          title={titleOf(saga)}
          actions={refusal === undefined ? <Actions saga={saga} /> : null}
        >
          <Story saga={saga} />
        </Notice>
        {refusal !== undefined && saga.state !== 'completed' ? (
          <Panel>
            <Refusal>{refusal}</Refusal>
          </Panel>
        ) : null}
        <Panel title="Steps" aside={`${saga.applied} of ${saga.steps} applied`}>
          <StepList saga={saga} />
        </Panel>
      </div>
      <div className="flex min-w-0 flex-col gap-4">
        <Panel title="Where it came from">
          <SagaFacts saga={saga} />
        </Panel>
        {failed && failed.change !== null ? (
          <Panel title={`What step ${failed.step} sent`}>
            <JsonView label={`What step ${failed.step} sent`} value={failed.change} className="max-h-96" />
          </Panel>
        ) : null}
      </div>
    </div>
  )
}

function Actions({ saga }: { saga: SagaDetail }) {
  if (saga.state === 'running') return <CallOff id={saga.id} etag={saga.etag} kind="call_off" />
  if (saga.state === 'stuck' && saga.step_list.some(({ undo }) => undo?.outcome === 'failed')) {
    return <CallOff id={saga.id} etag={saga.etag} kind="again" />
  }
  const waiting = saga.step_list.find(({ undo }) => undo?.outcome === 'conflict')?.undo?.conflict_id
  if (saga.state === 'stuck' && waiting) {
    return (
      <ButtonLink kind="primary" href={`/conflicts/${waiting}`}>
        Resolve the conflict
      </ButtonLink>
    )
  }
  if (saga.retried_as !== null) {
    return <ButtonLink href={`/sagas/${saga.retried_as}`}>Open what it went on as</ButtonLink>
  }
  return saga.retry_refusal === null ? <RetryDialog saga={saga} /> : null
}

function titleOf(saga: SagaDetail): string {
  switch (saga.state) {
    case 'running':
      return `Step ${saga.applied + 1} of ${saga.steps} is awaited`
    case 'completed':
      return saga.steps === 1 ? 'Its one step was applied' : `All ${saga.steps} steps were applied`
    case 'compensating':
      return `${plural(saga.to_undo, 'step is', 'steps are')} being undone`
    case 'compensated':
      return saga.step_list.some(({ undo }) => undo)
        ? 'Everything it had done was undone'
        : 'Nothing of it remained'
    case 'stuck':
      return `${plural(saga.blocked, 'step waits', 'steps wait')} for a person`
  }
}

function Story({ saga }: { saga: SagaDetail }) {
  if (saga.state === 'running') {
    return saga.times_out_at ? (
      <p>
        If it does not arrive, the saga is undone <Time at={saga.times_out_at} />.
      </p>
    ) : null
  }
  return (
    <>
      {saga.cause === null ? null : (
        <p className="break-words">
          {causeOf(saga)}
          {saga.reason ? ` “${saga.reason}”` : ''}
        </p>
      )}
      {saga.state === 'stuck' ? (
        <p className="mt-1">
          The others were undone. Once what is marked below is settled, the saga has ended.
        </p>
      ) : null}
      {saga.state === 'compensated' && saga.retry_refusal ? (
        <p className="mt-1">
          <b className="font-medium text-ink">
            {saga.retried_as === null ? 'It cannot be retried.' : 'It is not retried twice.'}
          </b>{' '}
          {saga.retry_refusal}
        </p>
      ) : null}
    </>
  )
}

function causeOf({ cause, failed_step: step, failed_code: code }: SagaDetail): string {
  switch (cause) {
    case 'timed_out':
      return 'It was not complete in time. What its device sends of it from now on goes to the dead letters.'
    case 'called_off':
      return 'An operator called it off.'
    case 'step_failed':
    case null:
      return `Step ${step} failed: ${outcomeWords(code ?? '').toLowerCase()}. No step after it is taken.`
  }
}

function SagaFacts({ saga }: { saga: SagaDetail }) {
  return (
    <Facts>
      <Fact name="State">
        <SagaMark state={saga.state} />
      </Fact>
      <Fact name="Saga">
        <ShortId id={saga.id} label="saga id" />
      </Fact>
      <Fact name="Device">
        <DeviceLink id={saga.device_id} name={saga.device_name} />
      </Fact>
      <Fact name="Tables">
        <span className="flex flex-wrap gap-1">
          {saga.tables.map((table) => (
            <Badge key={table} mono>
              {table}
            </Badge>
          ))}
        </span>
      </Fact>
      <Fact name="Scopes">{saga.scopes.join(', ')}</Fact>
      <Fact name="Began">
        <Time at={saga.started_at} show="both" precision="minute" />
      </Fact>
      <Fact name="Last step">
        <Time at={saga.progressed_at} show="both" precision="minute" />
      </Fact>
      {saga.ended_at ? (
        <Fact name="Ended">
          <Time at={saga.ended_at} show="both" precision="minute" />
        </Fact>
      ) : null}
      {saga.trace_id ? (
        <Fact name="Trace">
          <ShortId id={saga.trace_id} label="trace id" />
        </Fact>
      ) : null}
      <Related name="Retry of" id={saga.retry_of} />
      <Related name="Retried as" id={saga.retried_as} />
    </Facts>
  )
}

function Related({ name, id }: { name: string; id: string | null }) {
  if (id === null) return null
  return (
    <Fact name={name}>
      <Link href={`/sagas/${id}`} className="link font-mono text-12">
        {shortenMiddle(id)}
      </Link>
    </Fact>
  )
}
