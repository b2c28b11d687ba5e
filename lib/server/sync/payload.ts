import { keyOf } from './record-states.ts'
import type { CommitRequest, FeedChangeRow, LoadRequest, OpResultRow, RecordKey } from './store.ts'

// What push_load and push_commit take, as JSON text. Writing it, sending it and reading it is a third of what a push
// costs, so what most rows have in common is said once, what is null not at all, and what the database can put together
// itself is left to it.

/** What a batch rests on, for push_load. A key says itself which version of its record an edit was made on. */
export function loadPayload(request: LoadRequest): string {
  const [first] = request.keys
  const common = { scope: first?.scope, table: first?.table }
  const bases = new Map<string, number>()
  const keys = new Set(request.keys.map(keyOf))
  const others = request.bases.filter((base) => {
    const key = keyOf(base)
    if (!keys.has(key) || bases.has(key)) return true
    bases.set(key, base.version)
    return false
  })
  return JSON.stringify({
    ...request,
    ...common,
    keys: request.keys.map((key) => ({ ...shortKey(key, common), base: bases.get(keyOf(key)) })),
    bases: others.map((base) => ({ ...shortKey(base, common), version: base.version })),
  })
}

/** A decided batch, for push_commit. */
export function commitPayload(request: CommitRequest): string {
  const [first] = request.changes
  const common = { scope: first?.scope, table: first?.table }
  const device = request.stream?.device ?? null
  const isOwn = request.changes.every(({ device_id }) => device_id === device)
  // Only what came in a stream is answered again: a replay in a device's name has no seq there.
  const answered = request.stream ? request.results : []
  const results = new Map(answered.map((result) => [result.op_id, result]))
  const changes = request.changes.map((change) => {
    const result = results.get(change.op_id)
    const isPlain = result !== undefined && isPlainResult(change, result)
    if (isPlain) results.delete(change.op_id)
    return {
      final: change.final ?? undefined,
      scope: change.scope === common.scope ? undefined : change.scope,
      ordinal: change.ordinal,
      table: change.table === common.table ? undefined : change.table,
      record_id: change.record_id,
      operation: change.operation,
      effect: change.effect,
      op_id: change.op_id,
      seq: change.seq ?? undefined,
      outcome: change.outcome,
      before_version: change.before_version,
      after_version: change.after_version,
      data: change.data ?? undefined,
      checksum: change.checksum,
      hlc: change.hlc,
      vector: change.vector,
      rule: change.rule,
      lost: change.lost ?? undefined,
      conflict_id: change.conflict_id ?? undefined,
      dead_letter_id: change.dead_letter_id ?? undefined,
      device_id: isOwn ? undefined : (change.device_id ?? undefined),
      hash: isPlain ? result.hash : undefined,
    }
  })
  return JSON.stringify({
    ...request,
    ...common,
    is_own: isOwn,
    rests_on: request.rests_on.map((key) => ({ ...shortKey(key, common), version: key.version })),
    changes,
    results: [...results.values()],
  })
}

type Common = { scope: string | undefined; table: string | undefined }

function shortKey({ scope, table, id }: RecordKey, common: Common) {
  return {
    id,
    scope: scope === common.scope ? undefined : scope,
    table: table === common.table ? undefined : table,
  }
}

/** Whether push_commit can make the result of an operation from the change that came of it: applied just as it was sent. */
function isPlainResult(change: FeedChangeRow, result: OpResultRow): boolean {
  return (
    result.kind === 'accepted' &&
    result.seq === change.seq &&
    result.scope === change.scope &&
    result.table === change.table &&
    result.record_id === change.record_id &&
    result.version === change.after_version &&
    result.stands_on === change.after_version &&
    result.pushed === null &&
    result.answer === plainAnswer(change)
  )
}

/** The same text as push_commit makes. */
function plainAnswer({ op_id, record_id, after_version, checksum }: FeedChangeRow): string {
  return `{"op_id":"${op_id}","record_id":"${record_id}","version":${after_version},"outcome":"applied","data":null,"checksum":"${checksum}"}`
}
