import type { Decision, MergedTexts } from '#lib/core/decide.ts'
import { stampAfter } from '#lib/core/hlc.ts'
import { jsonEqual, type JsonObject } from '#lib/core/json.ts'
import { usesStrategy } from '#lib/core/policy.ts'
import { needsFieldStamps, stampChanges, type VersionTrace } from '#lib/core/since.ts'
import { textEdits } from '#lib/core/text/fields.ts'
import { joinVectors } from '#lib/core/vector.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import type { Accepted, Conflicted, Outcome, RejectionCode } from '#lib/protocol/sync.ts'
import { answerForGood, type Batch, type Operation } from './batch.ts'
import { feedEvent } from './feed-event.ts'
import { sha256Hex } from './read-changes.ts'
import { scopeWanted } from './open-conflicts.ts'
import type { RecordNow } from './record-states.ts'
import { refuse } from './refuse.ts'
import { untold } from './sent-content.ts'

/** Carries out a decision: answers the operation, writes the record, adds to the log. */
export function settle(batch: Batch, operation: Operation, decision: Decision<RejectionCode>): void {
  const { read, seq, base, current } = operation
  switch (decision.kind) {
    case 'reject':
      return refuse(batch, read, decision.refusal, { seq, base })
    case 'no_change':
      batch.sagas.applied(operation, 'no_change', null)
      return accept(batch, operation, 'no_change', current!, decision.texts)
    case 'superseded':
      feedEvent(batch, operation, {
        ...{ effect: 'NONE', outcome: 'superseded', lost: decision.lost },
        ...unmoved(operation),
      })
      batch.sagas.applied(operation, 'superseded', null)
      return accept(batch, operation, 'superseded', current!, decision.texts)
    case 'write':
      return write(batch, operation, decision)
    case 'conflict':
      return conflict(batch, operation, decision)
  }
}

function accept(
  batch: Batch,
  operation: Operation,
  outcome: Outcome,
  now: RecordNow,
  texts?: MergedTexts,
): void {
  const { read, change, seq, key, base, policy, isRaised } = operation
  // An edit that lost to a later one moves nothing, nor one of a record that was deleted before.
  const scope = outcome === 'superseded' || outcome === 'no_change' ? key.scope : change.scope
  const sent = change.data ?? null
  const isAsSent = jsonEqual(now.data, sent)
  // What the device has may be of an older schema: then it takes the server's state in its place.
  const isElsewhere = read.madeIn !== undefined
  const repeats = !isAsSent || isElsewhere || outcome === 'superseded' || (isRaised && now.data !== null)
  const told = isRaised && isAsSent && now.data !== null ? 'merged' : outcome
  const entry: Accepted = {
    op_id: change.op_id,
    record_id: change.record_id,
    version: now.version,
    outcome: told,
    data: repeats ? now.data : null,
    checksum: now.checksum,
    ...(isElsewhere && { scope }),
  }
  const facts = { strategy: policy.strategy, outcome: told }
  const standsOn = isAsSent ? now.version : outcome === 'superseded' ? base.standsOn : null
  const bridges = Object.entries(texts ?? {}).map(([path, { bridge }]) => [path, bridge] as const)
  const bridge = bridges.length > 0 ? Object.fromEntries(bridges) : null
  // What was no change is not in the log.
  const unlogged =
    outcome === 'no_change' && batch.context.incarnation !== null
      ? untold(read.sent ?? change, {
          ...{ op_id: change.op_id, table: key.table, operation: 'UPDATE', record_id: key.id },
          ...{ scope, to_scope: null, moved_from: null, version: now.version, checksum: read.checksum },
        })
      : null
  const pushed = { data: sent, version: now.version, standsOn, bridge, scope, sent: unlogged }
  const given = { kind: 'accepted', text: JSON.stringify(entry), facts } as const
  answerForGood(batch, { read, seq, opId: change.op_id }, given, pushed)
}

function conflict(batch: Batch, operation: Operation, decision: Decision & { kind: 'conflict' }): void {
  const { read, change, seq, key, base, policy } = operation
  const { code, fields } = decision
  const current = operation.current!
  const sent = change.data ?? null
  const proposed = decision.proposed === undefined ? sent : decision.proposed
  const conflictId =
    code === 'manual' ? batch.conflicts.add(operation, batch.context.deviceId, fields, proposed) : null
  feedEvent(batch, operation, {
    effect: 'NONE',
    outcome: code === 'manual' ? 'conflict' : 'stale_version',
    lost: [{ path: '', value: proposed, from: 'client', hlc: change.hlc }],
    conflictId,
    ...unmoved(operation),
  })
  batch.sagas.failed(read, { code: code === 'manual' ? 'conflict' : code, seq, conflictId })
  const entry: Conflicted = {
    op_id: change.op_id,
    record_id: change.record_id,
    conflict_id: conflictId,
    code,
    fields,
    server_version: current.version,
    server_data: current.data,
    base_data: base.data ?? null,
    ...(read.madeIn !== undefined && { scope: key.scope }),
  }
  const facts = { strategy: policy.strategy, code }
  const pushed = { data: sent, version: current.version, standsOn: base.standsOn, scope: key.scope }
  const given = { kind: 'conflict', text: JSON.stringify(entry), facts } as const
  answerForGood(batch, { read, seq, opId: change.op_id }, given, pushed)
}

/** What is kept of a move that was not made. */
function unmoved({ change, key }: Operation): { moved?: { to_scope: string } } {
  const scope = scopeWanted(change, key)
  return scope === null ? {} : { moved: { to_scope: scope } }
}

function write(batch: Batch, operation: Operation, decision: Decision & { kind: 'write' }): void {
  const { read, change, key, current } = operation
  const { data, lost } = decision
  // The feed leaves out what the sender has already; what followed its record to another scope the sender has not there.
  const outcome = read.madeIn === undefined ? decision.outcome : 'merged'
  const target = { ...key, scope: change.scope }
  const moves = target.scope !== key.scope
  const there = moves ? batch.states.current(target) : undefined
  const now = nextState(batch, operation, data, there)
  if (moves && current) {
    const left = { ...now, data: null, checksum: recordChecksum(null, sha256Hex), movedTo: target.scope }
    const event = feedEvent(batch, operation, {
      ...{ effect: 'LEAVE', outcome, now: left },
      moved: { moved_to: target.scope },
    })
    batch.states.write(key, left, event, { fieldStamps: null, textEdits: null })
  }
  const trace = traceOf(batch, operation, decision, now)
  // Where a restored server has lost what was to move, the record goes on from what stands where it was to go.
  const onto = current ?? there
  const event = feedEvent(
    batch,
    { ...operation, current: onto },
    {
      trace,
      effect: data === null ? 'DELETE' : 'UPSERT',
      outcome,
      now,
      lost: lost.length > 0 ? lost : null,
      scope: target.scope,
      ...(moves && { moved: current ? { moved_from: key.scope } : { from_scope: key.scope } }),
      // A place that a record left and that is deleted again still tells where the record is.
      ...(now.movedTo !== null && { moved: { moved_to: now.movedTo } }),
    },
  )
  batch.states.write(target, now, event, trace)
  batch.sagas.applied(operation, outcome, event)
  accept(batch, operation, outcome, now, decision.texts)
}

/** What the log keeps of a version beside its state: the edits of its texts, and when single fields were written. */
function traceOf(
  { context }: Batch,
  { change, base, current, policy, textEdits: told }: Operation,
  { data, texts = {} }: Decision & { kind: 'write' },
  now: RecordNow,
): Pick<VersionTrace, 'fieldStamps' | 'textEdits'> {
  const none = { fieldStamps: null, textEdits: null }
  if (data === null) return none
  const before = current?.data ?? null
  const merged = Object.fromEntries(Object.entries(texts).map(([path, { applied }]) => [path, applied]))
  // After a restore, what was made on something unknown may have in it what comes again: it is no edit of what it found.
  const isOfUnknown = base.data === undefined && (context.history !== 'ours' || context.wasRestored)
  // An edit that saw what it follows was made after it, however slow its clock.
  const hlc = base.standsOn === current?.version ? now.hlc : change.hlc
  return {
    fieldStamps: before && needsFieldStamps(policy) ? stampChanges(before, data, hlc) : null,
    textEdits:
      usesStrategy(policy, 'ot') && !isOfUnknown
        ? textEdits(policy, { before, after: data }, { ...told, ...merged })
        : null,
  }
}

/** The record after a write. `there` is what stands where it moves to. */
function nextState(
  batch: Batch,
  { read, change, seq, current }: Operation,
  data: JsonObject | null,
  there: RecordNow | undefined,
): RecordNow {
  const { deviceId } = batch.context
  const own = deviceId && seq > 0 ? { [deviceId]: seq } : {}
  return {
    version: Math.max(current?.version ?? 0, there?.version ?? 0) + 1,
    data,
    movedTo: data === null ? (current?.movedTo ?? null) : null,
    hlc: current ? stampAfter(change.hlc, current.hlc) : change.hlc,
    deviceId,
    checksum: jsonEqual(data, change.data ?? null) ? read.checksum : recordChecksum(data, sha256Hex),
    vector: joinVectors(joinVectors(current?.vector ?? {}, change.vector ?? {}), own),
  }
}
