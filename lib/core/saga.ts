import type { Refusal } from './decide.ts'
import { isJsonObject, type JsonObject } from './json.ts'

/** A business transaction of one device over several changes (Garcia-Molina and Salem, "Sagas", SIGMOD 1987). */
export const sagaStates = ['running', 'completed', 'compensating', 'compensated', 'stuck'] as const
export type SagaState = (typeof sagaStates)[number]

/** What sets a saga back. */
export const sagaCauses = ['step_failed', 'timed_out', 'called_off'] as const
export type SagaCause = (typeof sagaCauses)[number]

/** How the undoing of a step ended; `conflict` and `failed` wait for a person. */
export const undoOutcomes = ['restored', 'merged', 'nothing', 'conflict', 'failed'] as const
export type UndoOutcome = (typeof undoOutcomes)[number]

type Event = 'step_applied' | 'last_step_applied' | 'set_back' | 'undone' | 'blocked' | 'resumed'

/** Where each event leads from each state; null where it cannot happen. */
const moves: Record<SagaState, Record<Event, SagaState | null>> = {
  running: {
    ...{ step_applied: 'running', last_step_applied: 'completed', set_back: 'compensating' },
    ...{ undone: null, blocked: null, resumed: null },
  },
  completed: {
    ...{ step_applied: null, last_step_applied: null, set_back: null },
    ...{ undone: null, blocked: null, resumed: null },
  },
  compensating: {
    ...{ step_applied: null, last_step_applied: null, set_back: null },
    ...{ undone: 'compensated', blocked: 'stuck', resumed: null },
  },
  compensated: {
    ...{ step_applied: null, last_step_applied: null, set_back: null },
    ...{ undone: null, blocked: null, resumed: null },
  },
  stuck: {
    ...{ step_applied: null, last_step_applied: null, set_back: null },
    ...{ undone: 'compensated', blocked: null, resumed: 'compensating' },
  },
}

/** A saga as the decisions need it: counts, not its steps. */
export type Saga = {
  state: SagaState
  /** How many steps it has. */
  steps: number
  /** Steps 1 to this one were applied, in order. */
  applied: number
  /** Applied steps that wrote something which is not undone. */
  toUndo: number
  /** Steps whose undoing waits for a person. */
  blocked: number
  cause: SagaCause | null
  /** The step that failed, and why. */
  failedStep: number | null
  failedCode: string | null
}

export type SagaStep = { step: number; steps: number }

export function beginSaga(steps: number): Saga {
  return {
    ...{ state: 'running', steps, applied: 0, toUndo: 0, blocked: 0 },
    ...{ cause: null, failedStep: null, failedCode: null },
  }
}

/**
 * Why a change does not fit its saga as this step: it is refused alone, and the saga goes on. null where it fits, now or
 * later.
 */
export function misfit(saga: Saga, { step, steps }: SagaStep): Refusal<'invalid_change'> | null {
  const wrong = (detail: string): Refusal<'invalid_change'> => ({
    code: 'invalid_change',
    detail,
    errors: [{ pointer: '/saga', detail }],
  })
  if (steps !== saga.steps) {
    return wrong(`The saga has ${saga.steps} steps; this change says ${steps}.`)
  }
  if (step > steps) return wrong(`Step ${step} is beyond the saga's ${steps} steps.`)
  if (step <= saga.applied) return wrong(`Step ${step} of the saga was another operation.`)
  return null
}

/** Why a step that fits may not be decided: the saga was set back, or an earlier step is missing. */
export function holdStep(
  saga: Saga,
  { step }: SagaStep,
): Refusal<'saga_aborted' | 'dependency_pending'> | null {
  if (saga.state !== 'running') {
    return { code: 'saga_aborted', detail: `The saga is undone: ${reasonOf(saga)}` }
  }
  if (step > saga.applied + 1) {
    return {
      code: 'dependency_pending',
      detail: `Step ${saga.applied + 1} of the saga must be answered first.`,
    }
  }
  return null
}

function reasonOf({ cause, failedStep, failedCode }: Saga): string {
  switch (cause) {
    case 'timed_out':
      return 'it was not complete in time.'
    case 'called_off':
      return 'an operator called it off.'
    case 'step_failed':
    case null:
      return `step ${failedStep} ended in ${failedCode}.`
  }
}

/** The next step was taken. @param wrote whether it changed its record */
export function stepApplied(saga: Saga, wrote: boolean): Saga {
  const applied = saga.applied + 1
  const state = move(saga, applied === saga.steps ? 'last_step_applied' : 'step_applied')
  return { ...saga, state, applied, toUndo: saga.toUndo + (wrote ? 1 : 0) }
}

/** Turns a running saga round; one that is on its way back already stays as it is. */
export function setBack(
  saga: Saga,
  why: { cause: 'step_failed'; step: number; code: string } | { cause: 'timed_out' | 'called_off' },
): Saga {
  if (saga.state !== 'running') return saga
  const failed = why.cause === 'step_failed' ? { failedStep: why.step, failedCode: why.code } : {}
  return onceUndone({ ...saga, ...failed, cause: why.cause, state: move(saga, 'set_back') })
}

/** The newest step that was not undone yet has been tried. */
export function stepUndone(saga: Saga, outcome: UndoOutcome): Saga {
  const isBlocked = outcome === 'conflict' || outcome === 'failed'
  return onceUndone({
    ...saga,
    toUndo: saga.toUndo - 1,
    blocked: saga.blocked + (isBlocked ? 1 : 0),
  })
}

/** A person settled what blocked the undoing of `count` steps. */
export function blocksSettled(saga: Saga, count: number): Saga {
  const blocked = saga.blocked - count
  if (saga.state !== 'stuck' || blocked > 0) return { ...saga, blocked }
  return { ...saga, blocked, state: move(saga, 'undone') }
}

/** `count` steps whose undoing failed are to be tried again. */
export function resume(saga: Saga, count: number): Saga {
  if (count === 0) return saga
  return {
    ...saga,
    ...{ blocked: saga.blocked - count, toUndo: saga.toUndo + count, state: move(saga, 'resumed') },
  }
}

function onceUndone(saga: Saga): Saga {
  if (saga.state !== 'compensating' || saga.toUndo > 0) return saga
  return { ...saga, state: move(saga, saga.blocked > 0 ? 'blocked' : 'undone') }
}

function move({ state }: Saga, event: Event): SagaState {
  const next = moves[state][event]
  if (next === null) throw new Error(`a saga that is ${state} cannot see ${event}`)
  return next
}

/** The saga that a rule in a record's history names: the step it was, or whose undoing it was. */
export function sagaOfRule(rule: JsonObject): { id: string; step: number } | null {
  const saga = rule['saga']
  if (!isJsonObject(saga) || typeof saga['id'] !== 'string' || typeof saga['step'] !== 'number') return null
  return { id: saga['id'], step: saga['step'] }
}
