import { ShortId } from '#components/ui/short-id.tsx'
import { StateShape, type State } from '#components/ui/state-mark.tsx'
import { Time } from '#components/ui/time.tsx'
import type { DeadLetterAttempt } from '#lib/protocol/console.ts'
import { codeTitle } from './codes.ts'

const looks: Record<DeadLetterAttempt['outcome'], { state: State; word: string }> = {
  received: { state: 'critical', word: 'Refused when it came' },
  failed: { state: 'critical', word: 'Replayed and refused again' },
  conflict: { state: 'warning', word: 'Replayed into a conflict' },
  replayed: { state: 'healthy', word: 'Replayed' },
  discarded: { state: 'revoked', word: 'Discarded' },
  restored: { state: 'unknown', word: 'Restored' },
}

/** Everything that was tried with a dead letter, oldest first. */
export function Attempts({ attempts }: { attempts: readonly DeadLetterAttempt[] }) {
  return (
    <ol className="flex flex-col">
      {attempts.map((attempt) => (
        <li key={`${attempt.at} ${attempt.outcome}`} className="relative flex gap-3 pb-3 last:pb-0">
          <span className="flex flex-col items-center pt-[5px]">
            <StateShape state={looks[attempt.outcome].state} />
            <span aria-hidden className="mt-1 w-px flex-1 bg-line" />
          </span>
          <div className="min-w-0 flex-1">
            <p className="flex flex-wrap items-baseline gap-x-2">
              <span className="font-medium">{looks[attempt.outcome].word}</span>
              <Time at={attempt.at} className="text-12 text-faint" />
            </p>
            <p className="text-12 text-muted">
              {attempt.actor}
              {attempt.code ? ` · ${codeTitle(attempt.code)}` : ''}
            </p>
            {attempt.detail ? <p className="text-12 break-words text-faint">{attempt.detail}</p> : null}
            {attempt.trace_id ? (
              <p className="text-12 text-faint">
                trace <ShortId id={attempt.trace_id} label="trace id" />
              </p>
            ) : null}
          </div>
        </li>
      ))}
    </ol>
  )
}
