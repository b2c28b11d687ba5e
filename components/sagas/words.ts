import { codeTitle } from '#components/dead-letters/codes.ts'
import type { SagaItem } from '#lib/protocol/sagas.ts'

/** What set a saga back, in a few words; empty while nothing did. */
export function whySetBack({ cause, failed_step: step, failed_code: code }: SagaItem): string {
  switch (cause) {
    case null:
      return ''
    case 'step_failed':
      return `Step ${step}: ${outcomeWords(code ?? '').toLowerCase()}`
    case 'timed_out':
      return 'Not complete in time'
    case 'called_off':
      return 'Called off'
  }
}

const outcomes: Record<string, string> = {
  applied: 'Applied',
  merged: 'Merged',
  superseded: 'Superseded',
  no_change: 'Changed nothing',
  conflict: 'Conflict',
  stale_version: 'Someone was first',
  saga_aborted: 'Aborted',
}

/** What became of a step. */
export function outcomeWords(outcome: string): string {
  return outcomes[outcome] ?? codeTitle(outcome)
}
