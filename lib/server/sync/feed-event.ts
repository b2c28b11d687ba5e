import type { JsonObject } from '#lib/core/json.ts'
import type { VersionTrace } from '#lib/core/since.ts'
import type { Batch, Operation } from './batch.ts'
import type { ReadChange } from './read-changes.ts'
import type { RecordNow } from './record-states.ts'
import { untold } from './sent-content.ts'
import type { FeedChangeRow } from './store.ts'

/** Adds to the log what an operation did or tried; `now` is the record after it, where it was written. */
export function feedEvent(
  batch: Batch,
  { read, change, key, current, policy, seq }: Operation,
  event: Pick<FeedChangeRow, 'effect' | 'outcome'> & {
    now?: RecordNow
    lost?: FeedChangeRow['lost']
    conflictId?: string | null
    scope?: string
    /** Where a record that changes scope goes, or comes from; where it should have gone, and did not, or come from. */
    moved?: Moved
    /** What the version keeps beside its state, for edits that are concurrent with it. */
    trace?: VersionTraces
  },
): FeedChangeRow {
  const { context } = batch
  const version = current?.version ?? 0
  const row: FeedChangeRow = {
    final: null,
    scope: event.scope ?? key.scope,
    ordinal: batch.changes.length,
    table: key.table,
    record_id: key.id,
    operation: change.operation,
    effect: event.effect,
    op_id: change.op_id,
    seq: context.deviceId ? seq : null,
    outcome: event.outcome,
    before_version: version,
    after_version: event.now?.version ?? version,
    data: event.now?.data ?? null,
    checksum: event.now?.checksum ?? read.checksum,
    hlc: event.now?.hlc ?? change.hlc,
    vector: event.now?.vector ?? change.vector ?? {},
    rule: { ...ruleOf(context, read, policy), ...traceOf(event.trace), ...event.moved },
    lost: event.lost ?? null,
    conflict_id: event.conflictId ?? context.conflictId ?? null,
    dead_letter_id: context.deadLetterId ?? null,
    device_id: context.deviceId,
    size_bytes: read.sizeBytes,
  }
  // A departure is told with the arrival; and what has no place in a stream has no payload to prove.
  if (context.incarnation !== null && row.effect !== 'LEAVE') {
    const { to_scope, moved_from, from_scope }: Moved = event.moved ?? {}
    const sent = untold(read.sent ?? change, {
      ...{ to_scope: to_scope ?? null, moved_from: moved_from ?? from_scope ?? null },
      ...{ op_id: row.op_id, table: row.table, operation: change.operation, record_id: row.record_id },
      ...{ scope: row.scope, version, checksum: read.checksum },
    })
    if (sent) row.rule['sent'] = sent
  }
  batch.changes.push(row)
  return row
}

type Moved = { moved_to?: string; moved_from?: string; to_scope?: string; from_scope?: string }
type VersionTraces = Pick<VersionTrace, 'fieldStamps' | 'textEdits'>

function traceOf(trace?: VersionTraces): JsonObject {
  return {
    ...(trace?.fieldStamps && { field_stamps: trace.fieldStamps }),
    ...(trace?.textEdits && { text_ops: trace.textEdits }),
  }
}

/** What decided, and the saga it was a step of, or the undoing of one. */
function ruleOf({ undoes }: Batch['context'], { saga }: ReadChange, policy: Operation['policy']): JsonObject {
  const { strategy, version } = policy
  if (undoes) {
    return {
      ...{ strategy: 'saga_compensation', policy_version: version },
      saga: { id: undoes.sagaId, step: undoes.step },
    }
  }
  return {
    ...{ strategy, policy_version: version },
    ...(saga && { saga: { id: saga.id, step: saga.step } }),
  }
}
