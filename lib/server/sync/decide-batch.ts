import { admit, damage, maxSkewMs } from '#lib/core/admit.ts'
import { crdtAhead, joinPlaces } from '#lib/core/crdt/places.ts'
import { decide, type Base, type Decision, type Refusal } from '#lib/core/decide.ts'
import { formatHlc } from '#lib/core/hlc.ts'
import { jsonEqual, type JsonObject } from '#lib/core/json.ts'
import type { LostValue } from '#lib/core/merge.ts'
import type { TablePolicy } from '#lib/core/policy.ts'
import type { Place } from '#lib/core/stream.ts'
import { readTextEdits } from '#lib/core/text/fields.ts'
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
import { followMove, isFollowed } from './follow-moves.ts'
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
    case 'damaged': {
      if (place.seq !== null) batch.holes.open(place.seq)
      const { code, detail, retryable } = garbled
      return answer(batch, read, 'rejected', JSON.stringify({ op_id: read.opId, code, detail, retryable }), {
        code,
      })
    }
    case 'forgotten':
      return refuse(batch, read, { code: 'answer_expired', detail: forgottenDetail }, { seq: place.seq })
    case 'misplaced':
      if (place.seq !== null) batch.holes.open(place.seq)
      return refuse(batch, read, read.fault ?? misplaced(place), { seq: null })
    case 'fresh':
    case 'retry':
      return decideChange(batch, read, place.seq)
  }
}

/** The pointer tells the device that its op_id is all that is in the way. */
function misplaced({ detail, isTaken }: Place & { kind: 'misplaced' }): Refusal<'invalid_change'> {
  const errors = isTaken && [{ pointer: '/op_id', detail }]
  return { code: 'invalid_change', detail, ...(errors && { errors }) }
}

const garbled = {
  code: 'checksum_mismatch',
  detail: 'It was damaged on its way. Send it again: then it is known what was answered to it.',
  retryable: true,
} as const

const forgottenDetail =
  'An operation as old as this one was answered long ago, and the answer is kept no more. So that it is never applied ' +
  'twice, it waits here: what came of it, if it had arrived, is in the history of the record.'

/** Whether it may be decided at all, in the data of which schema, and then what comes of it. */
function decideChange(batch: Batch, sent: ReadChange, seq: number): void {
  const read = isFollowed(batch.context) ? followMove(sent, batch.states) : sent
  if (!read.change) return refuse(batch, read, read.fault, { seq })
  const { change } = read
  const { policies, granted, nowMillis, schemaVersion } = batch.context
  const policy = policies(change.table)
  const knownTable = policy !== null
  const refusal =
    damage(change.checksum, read.checksum) ??
    movedAway(change, read, granted) ??
    admit(change, { knownTable, granted, nowMillis }) ??
    (policy && registerAhead(policy, change, nowMillis)) ??
    // A saga that was set back ends its steps, whatever they wait for beside it.
    batch.sagas.hold(read) ??
    batch.holes.holdBack(change, seq, read.madeIn)
  if (refusal || !policy) return refuse(batch, read, refusal!, { seq })

  const key = keyOfChange(change)
  const own = baseOf(batch, read, change)
  const current = batch.states.current(key)
  // What was made on the state that stands was made on whatever was replayed, too.
  const isOnTop = own.standsOn !== null && own.standsOn === current?.version
  const taken = isOnTop ? null : batch.letters.takenOf(change, read.schemaVersion ?? schemaVersion)
  const base = taken?.base ?? own
  if (batch.context.bringsLost && base.data === undefined)
    return refuse(batch, read, { code: 'dependency_pending', detail: lostDetail }, { seq })
  // What a letter holds is in the schema of then, and no state of the record.
  const present = current?.data ?? own.data ?? null
  const raised = raiseChange(read, change, read.schemaVersion ?? schemaVersion, policy, present)
  if (raised.kind === 'unsupported') return refuse(batch, read, raised.refusal, { seq })
  const asRead = raised.kind === 'raised' ? raised : { read, change }
  const isRaised = raised.kind === 'raised'
  // What was brought up from an older schema may have its texts elsewhere; and of what was taken, they led from before that.
  const sentOps = isRaised || taken || change.operation === 'DELETE' ? undefined : change.text_ops
  const told = readTextEdits(policy, sentOps, base.data, change.data ?? {})
  if ('pointer' in told) {
    const detail = `${told.pointer} ${told.detail}.`
    return refuse(batch, read, { code: 'invalid_change', detail, errors: [told] }, { seq, base })
  }
  const operation: Operation = {
    ...{ read: asRead.read, change: asRead.change, seq, key, policy, isRaised, base },
    current,
    isTaken: taken?.isAll ?? false,
    textEdits: told.edits,
  }
  const decision = decideOperation(batch, operation)
  batch.holes.close(seq)
  settle(batch, operation, decision)
}

const lostDetail =
  'What it was made on is not known here, and may be among what this server lost and the device is about to send again. ' +
  'That goes first.'

/** What an edit was made on. Of what happened since, the log of one scope alone tells: not of a record that moved. */
function baseOf({ states, context }: Batch, { madeIn }: ReadChange, change: Change): Base {
  const isTrusted = context.history === 'ours'
  const key = keyOfChange(change)
  if (madeIn === undefined) return states.base(key, change, isTrusted)
  const { data, standsOn } = states.base({ ...key, scope: madeIn }, change, isTrusted)
  return { data, standsOn }
}

/** An edit of a record that moved since needs the grant for where it was made, and for where the record is. */
function movedAway(
  { scope, from_scope }: Change,
  { madeIn }: ReadChange,
  granted: (scope: string) => boolean,
): Refusal<'scope_forbidden'> | null {
  if (madeIn === undefined) return null
  if (!granted(madeIn)) {
    return { code: 'scope_forbidden', detail: `This device has no grant for scope "${madeIn}".` }
  }
  if (granted(from_scope ?? scope)) return null
  const detail = 'The record moved to a scope that this device has no grant for.'
  // The pointer tells the device that its scope is not what is in the way.
  return { code: 'scope_forbidden', detail, errors: [{ pointer: '/record_id', detail }] }
}

/** A register's stamp is a clock like the change's own, and has the same bound. */
function registerAhead(
  policy: TablePolicy,
  { data }: Change,
  nowMillis: number,
): Refusal<'clock_skew'> | null {
  const limit = formatHlc({ millis: nowMillis + maxSkewMs, counter: 0xffff, node: 'f'.repeat(16) })
  const pointer = crdtAhead(policy, data ?? null, limit)
  if (pointer === null) return null
  const detail =
    'is ahead of the server by more than five minutes: correct the clock and stamp the value again'
  return { code: 'clock_skew', detail: `${pointer} ${detail}.`, errors: [{ pointer, detail }] }
}

function decideOperation(
  batch: Batch,
  { read, change, base, current, policy, isRaised, isTaken, textEdits }: Operation,
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
    const by = { id: change.op_id, slot: change.op_id, hlc: change.hlc }
    return undoStep<RejectionCode>({ before: data, after: base.data, by }, current, policy, { validate })
  }
  if (batch.context.exact) {
    // But for CRDTs: what they hold is not for anybody to choose, and a device that has it would bring it back.
    const joined = data && joinPlaces(policy, data, current?.data ?? null)
    const refusal = joined && validate(joined, current?.data ?? null)
    if (refusal) return { kind: 'reject', refusal }
    return { kind: 'write', outcome: jsonEqual(joined, data) ? 'applied' : 'merged', data: joined, lost: [] }
  }
  if (isTaken && current && !moves) {
    // Without data, no change means that the record is as it was sent.
    const isGone = current.data === null && data !== null
    const lost: LostValue[] = [{ path: '', value: data, from: 'client', hlc: change.hlc }]
    return isGone ? { kind: 'superseded', lost } : { kind: 'no_change' }
  }
  const { deviceId } = batch.context
  const edit = { operation: change.operation, data, hlc: change.hlc, deviceId, textEdits }
  const decision = decide<RejectionCode>(edit, base, current, policy, {
    validate,
    isHistoryLost: batch.context.history !== 'ours' || batch.context.wasRestored,
  })
  if (!moves || decision.kind !== 'no_change' || !current?.data) return decision
  // The record is as it should be, but not where.
  const outcome = jsonEqual(current.data, data) ? 'applied' : 'merged'
  return { kind: 'write', outcome, data: current.data, lost: [] }
}
