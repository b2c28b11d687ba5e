import { recordPath } from '#components/records/address.ts'
import { Link } from '#components/ui/link.tsx'
import { shortenMiddle } from '#components/ui/shorten.ts'
import { StateShape, type State } from '#components/ui/state-mark.tsx'
import { Time } from '#components/ui/time.tsx'
import type { SagaDetail, SagaStepView } from '#lib/protocol/sagas.ts'
import { outcomeWords } from './words.ts'

/** The steps in their order: what each did to its record, and what was undone. */
export function StepList({ saga }: { saga: SagaDetail }) {
  return (
    <ol aria-label="Steps" className="flex flex-col">
      {saga.step_list.map((step) => (
        <li key={step.step} className="group flex gap-3">
          <span className="flex flex-col items-center pt-[5px]">
            <StateShape state={shapeOf(step)} />
            <span aria-hidden className="mt-1 w-px flex-1 bg-line group-last:hidden" />
          </span>
          <div className="min-w-0 flex-1 pb-4 group-last:pb-0">
            <p className="flex flex-wrap items-baseline gap-x-2">
              <b className="font-semibold tabular-nums">Step {step.step}</b>
              <span className="font-medium">{headline(step, saga)}</span>
              {step.at ? <Time at={step.at} className="text-12 text-faint" /> : null}
            </p>
            <What step={step} />
            {step.state === 'failed' && step.detail ? (
              <p className="break-words text-crit">{step.detail}</p>
            ) : null}
            {step.undo ? <Undo undo={step.undo} /> : null}
            {saga.cause !== null && step.state === 'applied' && step.after_version === null ? (
              <p className="text-12 text-faint">It wrote nothing: there is nothing to undo.</p>
            ) : null}
          </div>
        </li>
      ))}
    </ol>
  )
}

function shapeOf({ state, undo }: SagaStepView): State {
  switch (state) {
    case 'missing':
      return 'unknown'
    case 'failed':
      return 'critical'
    case 'aborted':
      return 'revoked'
    case 'applied':
      if (undo === null) return 'healthy'
      return undo.outcome === 'conflict' || undo.outcome === 'failed' ? 'critical' : 'revoked'
  }
}

function headline({ state, outcome }: SagaStepView, saga: SagaDetail): string {
  if (state !== 'missing') return outcomeWords(outcome ?? '')
  return saga.state === 'running' ? 'Has not arrived' : 'Never arrived'
}

function What({ step }: { step: SagaStepView }) {
  const { table, record_id: id, scope, from_scope: from, operation, before_version, after_version } = step
  if (table === null || id === null) return null
  const moves = from !== null && from !== scope
  // A record that was never made has no page.
  const isThere = step.state === 'applied' || operation !== 'CREATE'
  const name = (
    <>
      {table} <span className="font-mono text-12">{shortenMiddle(id)}</span>
    </>
  )
  return (
    <p className="flex flex-wrap items-baseline gap-x-2 text-muted">
      {operation?.toLowerCase()}{' '}
      {isThere ? (
        <Link href={recordPath({ table, id, ...(scope !== null && { scope }) })} className="link">
          {name}
        </Link>
      ) : (
        <span>{name}</span>
      )}
      {after_version === null ? null : (
        <span className="text-faint tabular-nums">
          version {before_version} → {after_version}
        </span>
      )}
      {moves ? (
        <span className="text-faint">
          from {from} to {scope}
        </span>
      ) : null}
      <Further step={step} />
    </p>
  )
}

const undoWords: Record<NonNullable<SagaStepView['undo']>['outcome'], string> = {
  restored: 'Undone: the record is as it was before',
  merged: 'Undone, and what others edited since was kept',
  nothing: 'Nothing was left to undo',
  conflict: 'A person has to decide: others edited the same since, or what it added only grows',
  failed: 'Could not be undone',
  settled: 'A person decided what the record is',
}

function Undo({ undo }: { undo: NonNullable<SagaStepView['undo']> }) {
  return (
    <p className="mt-1 flex flex-wrap items-baseline gap-x-2 border-l-2 border-line-strong pl-2">
      <span>{undoWords[undo.outcome]}</span>
      {undo.version === null ? null : (
        <span className="text-12 text-faint tabular-nums">version {undo.version}</span>
      )}
      {undo.at ? <Time at={undo.at} className="text-12 text-faint" /> : null}
      {undo.conflict_id ? (
        <Link href={`/conflicts/${undo.conflict_id}`} className="link">
          {undo.outcome === 'settled' ? 'The conflict' : 'Resolve the conflict'}
        </Link>
      ) : null}
      {undo.detail ? <span className="basis-full text-12 break-words text-faint">{undo.detail}</span> : null}
    </p>
  )
}

function Further({ step }: { step: SagaStepView }) {
  const links = [
    step.dead_letter_id && { href: `/dead-letters/${step.dead_letter_id}`, words: 'Dead letter' },
    step.conflict_id && { href: `/conflicts/${step.conflict_id}`, words: 'Conflict' },
    step.trace_id && { href: `/syncs?trace_id=${step.trace_id}`, words: 'Its sync' },
  ].filter((link) => link !== null && link !== '')
  return links.map(({ href, words }) => (
    <Link key={href} href={href} className="link text-12">
      {words}
    </Link>
  ))
}
