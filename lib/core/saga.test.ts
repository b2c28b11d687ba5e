import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  beginSaga,
  blocksSettled,
  holdStep,
  misfit,
  resume,
  setBack,
  stepApplied,
  stepUndone,
  undoOutcomes,
  type Saga,
} from './saga.ts'

const of = (steps: number, applied: number) =>
  Array.from({ length: applied }).reduce<Saga>((saga) => stepApplied(saga, true), beginSaga(steps))

describe('what fits', () => {
  test.each([
    ['the next step', { step: 3, steps: 4 }, null],
    ['a later step', { step: 4, steps: 4 }, null],
    ['a step that was applied', { step: 2, steps: 4 }, 'Step 2 of the saga was another operation.'],
    ['a step beyond the last', { step: 5, steps: 4 }, "Step 5 is beyond the saga's 4 steps."],
    ['another number of steps', { step: 3, steps: 5 }, 'The saga has 4 steps; this change says 5.'],
  ])('%s', (_, step, detail) => {
    expect(misfit(of(4, 2), step)?.detail ?? null).toBe(detail)
  })

  test('a step waits for the ones before it', () => {
    expect(holdStep(of(4, 2), { step: 3, steps: 4 })).toBeNull()
    expect(holdStep(of(4, 2), { step: 4, steps: 4 })).toEqual({
      code: 'dependency_pending',
      detail: 'Step 3 of the saga must be answered first.',
    })
  })

  test('no step is taken once the saga is set back, and the answer says why', () => {
    const failed = setBack(of(4, 2), { cause: 'step_failed', step: 3, code: 'business_rule' })
    expect(holdStep(failed, { step: 4, steps: 4 })).toEqual({
      code: 'saga_aborted',
      detail: 'The saga is undone: step 3 ended in business_rule.',
    })
    const late = setBack(of(4, 2), { cause: 'timed_out' })
    expect(holdStep(late, { step: 3, steps: 4 })?.detail).toBe(
      'The saga is undone: it was not complete in time.',
    )
  })
})

describe('its way', () => {
  test('all steps: completed', () => {
    expect(of(1, 1).state).toBe('completed')
    expect(of(3, 2).state).toBe('running')
    expect(of(3, 3).state).toBe('completed')
  })

  test('what failed with nothing to undo is compensated at once', () => {
    expect(setBack(beginSaga(3), { cause: 'step_failed', step: 1, code: 'x' }).state).toBe('compensated')
    const idle = stepApplied(beginSaga(3), false)
    expect(setBack(idle, { cause: 'timed_out' }).state).toBe('compensated')
  })

  test('a failure of what ended changes nothing', () => {
    const done = of(2, 2)
    expect(setBack(done, { cause: 'timed_out' })).toBe(done)
  })

  test('what a person must settle makes it stuck, and settled makes it compensated', () => {
    const back = setBack(of(4, 3), { cause: 'called_off' })
    const stuck = stepUndone(stepUndone(stepUndone(back, 'conflict'), 'restored'), 'failed')
    expect(stuck).toMatchObject({ state: 'stuck', blocked: 2, toUndo: 0 })
    const one = blocksSettled(stuck, 1)
    expect(one.state).toBe('stuck')
    expect(blocksSettled(one, 1).state).toBe('compensated')
    expect(resume(one, 1)).toMatchObject({ state: 'compensating', blocked: 0, toUndo: 1 })
  })

  test('a conflict that is settled while others are still undone does not end it', () => {
    const back = stepUndone(setBack(of(4, 2), { cause: 'called_off' }), 'conflict')
    expect(blocksSettled(back, 1)).toMatchObject({ state: 'compensating', toUndo: 1, blocked: 0 })
    expect(stepUndone(blocksSettled(back, 1), 'merged').state).toBe('compensated')
  })
})

const arrival = fc.record({
  step: fc.integer({ min: 1, max: 6 }),
  steps: fc.constantFrom(4, 4, 4, 4, 5),
  end: fc.constantFrom('wrote', 'wrote', 'wrote', 'idle', 'failed'),
})
const event = fc.oneof(
  { weight: 6, arbitrary: arrival },
  { weight: 1, arbitrary: fc.constant('timed_out' as const) },
  { weight: 3, arbitrary: fc.constantFrom(...undoOutcomes) },
)

test('in any order of arrivals, failures and undoings: steps in order, each undone once, and an end within reach', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      let saga = beginSaga(4)
      const taken: number[] = []
      let wrote = 0
      let undone = 0
      for (const happened of events) {
        if (happened === 'timed_out') saga = setBack(saga, { cause: 'timed_out' })
        else if (typeof happened === 'string') {
          if (saga.state !== 'compensating') continue
          saga = stepUndone(saga, happened)
          undone++
        } else {
          if (misfit(saga, happened) || holdStep(saga, happened)) continue
          if (happened.end === 'failed') {
            saga = setBack(saga, { cause: 'step_failed', step: happened.step, code: 'x' })
          } else {
            saga = stepApplied(saga, happened.end === 'wrote')
            taken.push(happened.step)
            if (happened.end === 'wrote') wrote++
          }
        }
        expect(saga.toUndo).toBe(wrote - undone)
        expect(saga.blocked).toBeLessThanOrEqual(undone)
      }
      expect(taken).toEqual(taken.map((_, index) => index + 1))
      expect(saga.state === 'completed').toBe(taken.length === 4)
      // From everywhere: time out, undo what is to undo, and it has ended.
      saga = setBack(saga, { cause: 'timed_out' })
      while (saga.toUndo > 0 && saga.state === 'compensating') saga = stepUndone(saga, 'restored')
      expect(saga.state).toBe(taken.length === 4 ? 'completed' : saga.blocked > 0 ? 'stuck' : 'compensated')
    }),
  )
})
