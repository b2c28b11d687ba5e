import type { Json, JsonObject } from '#lib/core/json.ts'
import type { ChangeInput } from '#lib/protocol/sync.ts'
import { systemActor } from '#lib/server/actor.ts'
import { callOff, countSettled, timeOut } from '#lib/server/sync/end-saga.ts'
import { resendSaga } from '#lib/server/sync/resend-saga.ts'
import { undoSaga } from '#lib/server/sync/undo-sagas.ts'
import type { WholeSaga } from '#lib/server/sync/saga-rows.ts'
import { writeRecord } from '#lib/server/sync/write.ts'
import type { Dice } from '../../simulation/dice.ts'
import type { Target } from './targets.ts'

type Begun<Sender> = { id: string; sender: Sender; steps: number; next: number }

/** What a step of a history may do beside what histories do without sagas, and how often. */
export const sagaSteps = {
  ...{ saga: 8, edit: 8, undo: 6, time_out: 0.4, call_off: 0.6, retry: 1, settle_any: 8 },
}
export const noSagaSteps: typeof sagaSteps = {
  ...{ saga: 0, edit: 0, undo: 0, time_out: 0, call_off: 0, retry: 0, settle_any: 0 },
}
export type SagaStep = keyof typeof sagaSteps

/**
 * Sagas in a history: steps over several pushes, some that wait, fail or do not fit, and everything that is done to
 * sagas afterwards, with whatever else the history does in between.
 */
export function createSagaHistory<Sender>({
  dice,
  newId,
  change,
  state,
}: {
  dice: Dice
  newId: () => string
  /** The sender's next change; a new record as often as `begins`. */
  change: (sender: Sender, begins: number) => ChangeInput
  state: () => JsonObject
}) {
  const begun: Begun<Sender>[] = []
  const traceId = 'c'.repeat(32)
  const actor = systemActor('history')

  /** The next changes of a saga of this sender, at least one. */
  function changes(sender: Sender): ChangeInput[] {
    const open = begun.find((saga) => saga.sender === sender && saga.next <= saga.steps)
    const saga = open ?? { id: newId(), sender, steps: dice.int(2, 4), next: 1 }
    if (!open) begun.push(saga)
    return Array.from({ length: dice.int(1, 2) }, () => {
      // One that was left out is never made: the saga waits for it until it times out.
      const step = (saga.next += dice.chance(0.05) ? 2 : 1) - 1
      // Enough of them meet nobody, so that sagas come to every end.
      const made = change(sender, 0.7)
      const steps = dice.chance(0.05) ? saga.steps + 1 : saga.steps
      return {
        ...made,
        ...(dice.chance(0.08) && { table: 'nowhere' }),
        saga: { id: saga.id, step: Math.min(step, 6), steps },
      }
    })
  }

  /** What is done to one of the sagas. @returns null where there is none yet */
  function act(kind: Exclude<SagaStep, 'saga'>): ((target: Target) => Promise<unknown>) | null {
    if (begun.length === 0) return null
    const { id } = dice.pick(begun)
    const [isSeen, which, data, opId] = [dice.chance(0.9), dice.unit(), state(), newId()]
    const edits = dice.chance(0.5) ? [{ step: dice.int(1, 3), data: state() }] : []
    const shown = async ({ engine }: Target) => ({
      next: await engine.store.nextUndo(id),
      failed: await engine.store.blockedSteps(id, 'failed'),
      settled: await engine.store.blockedSteps(id, 'settled'),
      whole: await engine.store.wholeSaga(id),
    })
    return async (target) => {
      const { engine } = target
      const whole = await engine.store.wholeSaga(id)
      const seen = { id, version: isSeen ? (whole?.revision ?? 1) : -1, actor, reason: 'seen', traceId }
      switch (kind) {
        case 'undo': {
          const due = await dueSagas(target)
          for (const each of due) {
            if (each.why === 'undo') await undoSaga(engine, each.id, traceId)
            else await countSettled(engine, each.id, traceId)
          }
          return { due, shown: await shown(target) }
        }
        case 'time_out':
          await timeOut(engine, id, { timeoutMs: 1_000, traceId })
          return shown(target)
        case 'call_off':
          await callOff(engine, seen)
          return shown(target)
        case 'edit':
          return edit(target, whole, { opId, which, tags: data['tags'] ?? null })
        case 'settle_any':
          return settle(target, { opId, which, data })
        case 'retry': {
          const again = await resendSaga(engine, { ...seen, edits })
          return { again: await engine.store.wholeSaga(again), shown: await shown(target) }
        }
      }
    }
  }

  /** Somebody changes one field of what a step wrote. */
  async function edit(
    { engine }: Target,
    whole: WholeSaga | null,
    { opId, which, tags }: { opId: string; which: number; tags: Json },
  ): Promise<unknown> {
    const step = whole?.arrived[Math.floor(which * whole.arrived.length)]
    const { data } = JSON.parse(step?.change ?? '{}') as { data?: JsonObject }
    if (!step?.scope || !step.table || !step.record_id || !step.after_version || !data) return {}
    return writeRecord(
      {
        ...{ by: { kind: 'person', id: 'admin' }, audit: [], traceId },
        change: {
          ...{ op_id: opId, table: step.table, record_id: step.record_id, scope: step.scope },
          ...{ operation: 'UPDATE', base_version: step.after_version, data: { ...data, tags } },
        },
      },
      engine,
    )
  }

  /** A person settles one of the conflicts that are open, those of undoings included. */
  async function settle(
    target: Target,
    { opId, which, data }: { opId: string; which: number; data: JsonObject },
  ): Promise<unknown> {
    const open = await target.openConflicts()
    const conflict = open[Math.floor(which * open.length)]
    if (!conflict) return {}
    const { id, version, scope, table, record_id, record_version } = conflict
    return writeRecord(
      {
        ...{ by: { kind: 'person', id: 'admin' }, mode: 'exact', audit: [], traceId },
        change: {
          ...{ op_id: opId, table, record_id, scope, operation: 'UPDATE' },
          ...{ base_version: record_version, data },
        },
        resolves: {
          ...{ conflictId: id, conflictVersion: version, choice: 'merged', reason: '', resolvedBy: 'admin' },
        },
      },
      target.engine,
    )
  }

  return { changes, act }
}

/** All that are due, whatever their order: the two databases have clocks of their own. */
async function dueSagas({ engine }: Target) {
  const due = await engine.store.dueSagas({ restingSince: '2000-01-01T00:00:00Z', limit: 100 })
  return due.toSorted((a, b) => (`${a.id} ${a.why}` < `${b.id} ${b.why}` ? -1 : 1))
}
