import type { z } from 'zod'
import { slotOf } from '#lib/core/crdt/counts.ts'
import type { Inverter } from '#lib/core/crdt/inverse.ts'
import { joinCrdts } from '#lib/core/crdt/places.ts'
import { parseHlc } from '#lib/core/hlc.ts'
import { findUnfaithful, isJsonObject, type JsonObject } from '#lib/core/json.ts'
import { redoStep } from '#lib/core/redo-step.ts'
import { canonicalJson } from '#lib/protocol/checksum.ts'
import { AppError } from '#lib/protocol/errors.ts'
import type { retrySagaSchema } from '#lib/protocol/sagas.ts'
import type { Actor } from '../actor.ts'
import { staleError } from '../http/precondition.ts'
import type { Policies } from '../tables/policy-cache.ts'
import type { Engine } from './engine.ts'
import { push } from './push.ts'
import { readChanges, sha256Hex, type ReadChange } from './read-changes.ts'
import { findRedos, type Redos } from './redo-steps.ts'
import type { ArrivedStep, WholeSaga } from './saga-rows.ts'
import { undoSagas } from './undo-sagas.ts'

type Edits = z.output<typeof retrySagaSchema>['edits']

export type Resend = {
  id: string
  /** The saga's revision as the operator saw it. */
  version: number
  actor: Actor
  reason: string
  edits: Edits
  traceId: string
}

/**
 * Sends all steps of an undone saga again, as their device's operations under new ids, in one batch and as a new saga
 * that is linked to the old one. The dead letters of its steps go on with it. Where a step fails again, the new saga is
 * undone.
 * @returns the id of the new saga
 * @throws AppError `not_found`, `conflict` where it cannot be retried, `stale`
 */
export async function resendSaga(
  engine: Engine,
  { id, version, actor, reason, edits, traceId }: Resend,
): Promise<string> {
  const saga = await engine.store.wholeSaga(id)
  if (!saga) throw new AppError('not_found', 'There is no such saga.')
  const refusal = await retryRefusal(engine.policies, saga)
  if (refusal !== null) throw new AppError('conflict', refusal)
  if (saga.revision !== version) throw staleError()
  const redos = await findRedos(engine.policies, saga.arrived)
  if ('why' in redos) throw staleError()

  const newSaga = engine.newId()
  const read = await operationsOf(engine, {
    sagaId: newSaga,
    ...{ deviceId: saga.device_id, steps: saga.arrived, edits, redos },
  })
  const scopes = new Set(saga.device_scopes ?? [])
  const done = await push(engine, {
    by: { kind: 'device', id: saga.device_id },
    ...{ stream: null, deviceId: saga.device_id, changes: read, reported: [], traceId },
    granted: (scope) => scopes.has(scope),
    schemaVersion: saga.arrived[0]!.schema_version,
    keepsRefused: true,
    annotations: { retryOf: id },
    also: () => ({
      sagaRetry: { id, revision: version, retried_as: newSaga, actor: actor.name },
      audit: [
        {
          ...{ actor, action: 'saga.retry', target: 'saga', targetId: id, reason, traceId },
          before: { state: saga.state, failed_step: saga.failed_step, failed_code: saga.failed_code },
          after: { retried_as: newSaga, edited: edits.map(({ step }) => step) },
        },
      ],
    }),
  })
  engine.notify({ kinds: ['saga', 'record', 'dead_letter', 'conflict', 'audit'], scopes: done.scopes })
  const setBack = done.decided.sagas.flatMap((each) => (each.state === 'compensating' ? [each.id] : []))
  await undoSagas(engine, setBack, traceId)
  return newSaga
}

/** Why a saga cannot be sent again as a whole; null where it can. */
export async function retryRefusal(policies: Policies, saga: WholeSaga): Promise<string | null> {
  if (saga.retried_as !== null)
    return 'It was retried already. What became of it is told by the saga it went on as.'
  if (saga.state !== 'compensated') {
    return saga.state === 'completed'
      ? 'It is complete: there is nothing to retry.'
      : 'It can be retried once it is undone.'
  }
  const arrived = new Set(saga.arrived.map(({ step }) => step))
  const absent = Array.from({ length: saga.steps }, (_, index) => index + 1).find(
    (step) => !arrived.has(step),
  )
  if (absent !== undefined) return `Step ${absent} never arrived: there is no whole to retry.`
  const alone = saga.arrived.find(({ letter_state: letter }) => letter === 'replayed')
  if (alone) return `Step ${alone.step} was replayed on its own: the whole would do it twice.`
  const redos = await findRedos(policies, saga.arrived)
  return 'why' in redos ? `Step ${redos.step} ${redos.why}. Make the changes anew.` : null
}

type ToSend = {
  sagaId: string
  deviceId: string
  steps: readonly ArrivedStep[]
  edits: Edits
  redos: Redos
}

/** The steps as operations of the new saga, each made on what it was made on before. */
async function operationsOf(
  engine: Engine,
  { sagaId, deviceId, steps, edits, redos }: ToSend,
): Promise<ReadChange[]> {
  const ids = steps.map(() => engine.newId())
  const opIds = new Map(steps.map(({ op_id: old }, index) => [old, ids[index]!]))
  const edited = new Map(edits.map((edit) => [edit.step, edit]))
  const restored = restoredVersions(steps)
  /** The step before on each record: what it made in the old saga, and its operation and state in the new one. */
  const before = new Map<string, { version: number | null; opId: string; redone: JsonObject | undefined }>()
  const sent = steps.map((step, index) => {
    const original = JSON.parse(step.change) as unknown
    const change: JsonObject = isJsonObject(original) ? { ...original } : {}
    const edit = edited.get(step.step)
    const stamp = typeof change['hlc'] === 'string' ? parseHlc(change['hlc']) : null
    const opId = ids[index]!
    const base = change['base_op_id']
    const earlier = before.get(keyOf(step))
    const isOnEarlier = earlier !== undefined && earlier.version === change['base_version']
    const onOwn =
      (typeof base === 'string' ? opIds.get(base) : undefined) ?? (isOnEarlier ? earlier.opId : undefined)
    // Where nobody wrote since it was undone, the step stands on that; else on what it was made on, as it was.
    const standsOn = edit?.base_version ?? (earlier ? undefined : restored.get(keyOf(step)))
    const isMadeAgain = standsOn !== undefined && change['operation'] === 'CREATE'
    const given = edit?.data ?? change['data'] ?? null
    const by = {
      ...{ id: opId, slot: slotOf(deviceId, Buffer.from(sha256Hex(opId).slice(0, 16), 'hex')) },
      hlc: engine.stamps(sagaId),
    }
    const redone = isJsonObject(given) ? redo(redos, step, given, earlier?.redone, by) : undefined
    const data = redone ?? given
    before.set(keyOf(step), { version: step.after_version, opId, redone })
    return {
      ...change,
      ...(data !== null && { data }),
      // What the device's base was is another state then.
      ...(standsOn !== undefined &&
        change['operation'] !== 'CREATE' && { base_version: standsOn, base_checksum: null }),
      // The server's own clock where the device's cannot be believed, and where a record is made again on top of the
      // undoing: as of before that, it would be taken for a CREATE that a restore lost and that comes again (`decide`).
      ...((stamp === null || stamp.millis > engine.now() || isMadeAgain) && { hlc: engine.stamps(sagaId) }),
      base_op_id: onOwn ?? (standsOn === undefined ? (base ?? null) : null),
      // What nobody could read is refused again, and the whole with it.
      ...(!findUnfaithful(data) && { checksum: sha256Hex(canonicalJson(data)) }),
      ...{ op_id: opId, seq: index + 1, first_checksum: null },
      saga: { id: sagaId, step: step.step, steps: steps.length },
    }
  })
  // An edit is made against its table as it is now.
  const tables = [...new Set(steps.flatMap(({ step, table }) => (table && edited.has(step) ? [table] : [])))]
  if (tables.length > 0) await engine.policies.refresh(tables)
  return readChanges(sent).map((read, index) => {
    const { step, table, schema_version: asSent } = steps[index]!
    const current = edited.has(step) ? engine.policies.get(table ?? '')?.schema_version : undefined
    return { ...read, schemaVersion: current ?? asSent }
  })
}

/** The state of a step with its CRDTs added again; undefined where nothing of it was taken back. */
function redo(
  redos: Redos,
  { step }: ArrivedStep,
  data: JsonObject,
  earlier: JsonObject | undefined,
  by: Inverter,
): JsonObject | undefined {
  const found = redos.get(step)
  // Made on the step before, it has what that one adds again.
  if (!found) return earlier && joinCrdts(data, earlier)
  const redone = redoStep(data, found.undoing, earlier, found.policy, by)
  if (redone) return redone
  throw new AppError('conflict', `Step ${step} holds a CRDT that cannot be taken back twice.`)
}

const keyOf = ({ scope, from_scope, table, record_id }: ArrivedStep) =>
  `${record_id} ${table} ${from_scope ?? scope}`

/** Versions of the records that are still as undoing the saga left them: by the first step that wrote each. */
function restoredVersions(steps: readonly ArrivedStep[]): Map<string, number> {
  const first = new Map<string, ArrivedStep>()
  for (const step of steps) {
    if (step.after_version !== null && !first.has(keyOf(step))) first.set(keyOf(step), step)
  }
  return new Map(
    [...first].flatMap(([key, { undo, undo_version: version, record_version: now }]) =>
      undo === 'restored' && version !== null && now === version ? [[key, version] as const] : [],
    ),
  )
}
