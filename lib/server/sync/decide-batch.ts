import { admit } from '#lib/core/admit.ts'
import { decide, type Decision } from '#lib/core/decide.ts'
import { jsonEqual, type JsonObject } from '#lib/core/json.ts'
import type { Place } from '#lib/core/stream.ts'
import { undoStep } from '#lib/core/undo-step.ts'
import type { Change, RejectionCode } from '#lib/protocol/sync.ts'
import { validateRecord } from '../tables/validate.ts'
import {
  answer,
  beginBatch,
  endBatch,
  keyOfChange,
  type Batch,
  type BatchContext,
  type DecidedBatch,
  type Operation,
} from './batch.ts'
import { raiseChange } from './raise-change.ts'
import type { ReadChange } from './read-changes.ts'
import { refuse } from './refuse.ts'
import { settle } from './settle.ts'
import type { Loaded } from './store.ts'

/** Decides the operations of a batch one after the other, each on what the ones before it left. Touches nothing. */
export function decideBatch(
  read: readonly ReadChange[],
  placement: { order: readonly number[]; places: ReadonlyMap<number, Place> },
  loaded: Loaded,
  context: BatchContext,
): DecidedBatch {
  const batch = beginBatch(read, loaded, context)
  for (const given of context.givenUp ?? []) batch.sagas.givenUp(given)
  for (const index of placement.order) take(batch, read[index]!, placement.places.get(index)!)
  return endBatch(batch)
}

function take(batch: Batch, read: ReadChange, place: Place): void {
  switch (place.kind) {
    case 'replay': {
      const first = batch.seen.get(place.opId)!
      return answer(batch, read, first.kind, first.answer, { replayed: true })
    }
    case 'repeat': {
      const first = batch.answers.get(place.of)!
      batch.answers.set(read.index, { ...first, index: read.index, replayed: true })
      return
    }
    case 'forgotten':
      return refuse(batch, read, { code: 'answer_expired', detail: forgottenDetail }, { seq: place.seq })
    case 'misplaced':
      if (place.seq !== null) batch.holes.open(place.seq)
      return refuse(batch, read, read.fault ?? { code: 'invalid_change', detail: place.detail }, {
        seq: null,
      })
    case 'fresh':
    case 'retry':
      return read.change
        ? decideChange(batch, read, read.change, place.seq)
        : refuse(batch, read, read.fault, { seq: place.seq })
  }
}

const forgottenDetail =
  'An operation as old as this one was answered long ago, and the answer is kept no more. So that it is never applied ' +
  'twice, it waits here: what came of it, if it had arrived, is in the history of the record.'

/** Whether it may be decided at all, in the data of which schema, and then what comes of it. */
function decideChange(batch: Batch, read: ReadChange, change: Change, seq: number): void {
  const { policies, granted, nowMillis, schemaVersion } = batch.context
  const policy = policies(change.table)
  const knownTable = policy !== null
  const refusal =
    admit(change, { knownTable, granted, checksum: read.checksum, nowMillis }) ??
    batch.holes.holdBack(change, seq) ??
    batch.sagas.hold(read)
  if (refusal || !policy) return refuse(batch, read, refusal!, { seq })

  const raised = raiseChange(read, change, read.schemaVersion ?? schemaVersion, policy)
  if (raised.kind === 'unsupported') return refuse(batch, read, raised.refusal, { seq })
  const asRead = raised.kind === 'raised' ? raised : { read, change }
  const key = keyOfChange(change)
  const operation: Operation = {
    ...{ read: asRead.read, change: asRead.change, seq, key, policy, isRaised: raised.kind === 'raised' },
    base: batch.states.base(key, asRead.change, batch.context.history === 'ours'),
    current: batch.states.current(key),
  }
  const decision = decideOperation(batch, operation)
  batch.holes.close(seq)
  settle(batch, operation, decision)
}

function decideOperation(
  batch: Batch,
  { read, change, base, current, policy, isRaised }: Operation,
): Decision<RejectionCode> {
  const data = change.data ?? null
  const moves = change.from_scope !== undefined && change.from_scope !== change.scope
  if (moves && batch.states.current({ ...keyOfChange(change), scope: change.scope })?.data) {
    const detail = `Scope "${change.scope}" already has a record with this id.`
    return { kind: 'reject', refusal: { code: 'invalid_change', detail } }
  }
  const validate = (next: JsonObject, previous: JsonObject | null) =>
    validateRecord(policy, next, previous, next === data && !isRaised ? read.sizeBytes : undefined)
  if (batch.context.undoes) {
    return undoStep<RejectionCode>({ before: data, after: base.data }, current, policy, { validate })
  }
  if (batch.context.exact) {
    const refusal = data && validate(data, current?.data ?? null)
    return refusal ? { kind: 'reject', refusal } : { kind: 'write', outcome: 'applied', data, lost: [] }
  }
  const edit = { operation: change.operation, data, hlc: change.hlc, deviceId: batch.context.deviceId }
  const decision = decide<RejectionCode>(edit, base, current, policy, {
    validate,
    isHistoryLost: batch.context.history !== 'ours' || batch.context.wasRestored,
  })
  if (!moves || decision.kind !== 'no_change' || !current?.data) return decision
  // The record is as it should be, but not where.
  const outcome = jsonEqual(current.data, data) ? 'applied' : 'merged'
  return { kind: 'write', outcome, data: current.data, lost: [] }
}
