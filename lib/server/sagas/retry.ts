import { randomBytes } from 'node:crypto'
import type { z } from 'zod'
import { slotOf } from '#lib/core/crdt/counts.ts'
import type { Inverter } from '#lib/core/crdt/inverse.ts'
import { joinCrdts } from '#lib/core/crdt/places.ts'
import { parseHlc } from '#lib/core/hlc.ts'
import { isJsonObject, type JsonObject } from '#lib/core/json.ts'
import { redoStep } from '#lib/core/redo-step.ts'
import { canonicalJson } from '#lib/protocol/checksum.ts'
import { AppError } from '#lib/protocol/errors.ts'
import type { retrySagaSchema, SagaDetail } from '#lib/protocol/sagas.ts'
import { authorise, type Actor } from '../actor.ts'
import { staleError } from '../http/precondition.ts'
import type { Engine } from '../sync/engine.ts'
import { push } from '../sync/push.ts'
import { readChanges, sha256Hex, type ReadChange } from '../sync/read-changes.ts'
import { serverEngine } from '../sync/server-engine.ts'
import { undoSagas } from '../sync/undo-sagas.ts'
import { getSaga, loadSaga } from './get.ts'
import { findRedos, type Redos } from './redo.ts'
import { retryRefusal } from './retry-refusal.ts'
import { selectSteps, selectVersions, type StepRow } from './store.ts'

type Edits = z.output<typeof retrySagaSchema>['edits']

export type Retry = { id: string; version: number; reason: string; edits: Edits; traceId: string }

/**
 * Sends all steps of an undone saga again, as their device's operations under new ids, in one batch and as a new saga
 * that is linked to the old one. The dead letters of its steps go on with it.
 * @returns the new saga: complete, or undone again where a step failed again
 * @throws AppError `conflict` where it cannot be retried, `stale`
 */
export async function retrySaga(actor: Actor, retry: Retry): Promise<SagaDetail> {
  authorise(actor, 'operator')
  const { id, version, reason, edits, traceId } = retry
  const [saga, steps] = await Promise.all([loadSaga(id), selectSteps(id)])
  const refusal = await retryRefusal(saga, steps)
  if (refusal !== null) throw new AppError('conflict', refusal)
  if (saga.version !== version) throw staleError()

  const redos = await findRedos(steps)
  if ('why' in redos) throw staleError()

  const engine = serverEngine()
  const newSaga = engine.newId()
  const read = await operationsOf(engine, {
    sagaId: newSaga,
    ...{ deviceId: saga.device_id, steps, edits, redos },
  })
  const scopes = new Set(saga.device_scopes ?? [])
  const done = await push(engine, {
    by: { kind: 'device', id: saga.device_id },
    ...{ stream: null, deviceId: saga.device_id, changes: read, reported: [], traceId },
    granted: (scope) => scopes.has(scope),
    schemaVersion: steps[0]!.schema_version,
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
  return getSaga(actor, newSaga)
}

type ToSend = { sagaId: string; deviceId: string; steps: StepRow[]; edits: Edits; redos: Redos }

/** The steps as operations of the new saga, each made on what it was made on before. */
async function operationsOf(
  engine: Engine,
  { sagaId, deviceId, steps, edits, redos }: ToSend,
): Promise<ReadChange[]> {
  const ids = steps.map(() => engine.newId())
  const opIds = new Map(steps.map(({ op_id: old }, index) => [old, ids[index]!]))
  const edited = new Map(edits.map((edit) => [edit.step, edit]))
  const restored = await restoredVersions(steps)
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
    const given = edit?.data ?? change['data'] ?? null
    const by = {
      ...{ id: opId, slot: slotOf(deviceId, randomBytes(8)) },
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
      // The server's own clock where the device's cannot be believed.
      ...((stamp === null || stamp.millis > engine.now()) && { hlc: engine.stamps(sagaId) }),
      base_op_id: onOwn ?? (standsOn === undefined ? (base ?? null) : null),
      ...{ op_id: opId, seq: index + 1, checksum: sha256Hex(canonicalJson(data)) },
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
  { step }: StepRow,
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

const keyOf = ({ scope, from_scope, table, record_id }: StepRow) =>
  `${record_id} ${table} ${from_scope ?? scope}`

/** Versions of the records that are still as undoing the saga left them: by the first step that wrote each. */
async function restoredVersions(steps: StepRow[]): Promise<Map<string, number>> {
  const first = new Map<string, StepRow>()
  for (const step of steps) {
    if (step.after_version !== null && !first.has(keyOf(step))) first.set(keyOf(step), step)
  }
  const keys = [...first.values()].flatMap(({ scope, from_scope, table, record_id }) =>
    scope && table && record_id ? [{ scope: from_scope ?? scope, table, id: record_id }] : [],
  )
  const now = await selectVersions(keys)
  return new Map(
    [...first].flatMap(([key, { undo, undo_version: version }]) =>
      undo === 'restored' &&
      version !== null &&
      now.some((row) => row.version === version && sameKey(row, key))
        ? [[key, version] as const]
        : [],
    ),
  )
}

const sameKey = ({ scope, table, id }: { scope: string; table: string; id: string }, key: string) =>
  `${id} ${table} ${scope}` === key
