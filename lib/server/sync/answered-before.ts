import { recordChecksum } from '#lib/protocol/checksum.ts'
import type { Accepted, Conflicted, ServerChange } from '#lib/protocol/sync.ts'
import type { Answer } from './batch.ts'
import type { Engine } from './engine.ts'
import type { KnownFeed } from './push.ts'
import { sha256Hex, type ReadChange } from './read-changes.ts'

/** What has become of the states that answers given again tell of. */
export type AnsweredBefore = {
  /** Of scopes that were revoked since: LEAVE, to follow the page. */
  gone: ServerChange[]
  /** Operations whose state the device's token covers: what it holds is newer than the answer. */
  covered: string[]
  /** Conflicts that were settled since. */
  settled: string[]
}

const nothing: AnsweredBefore = { gone: [], covered: [], settled: [] }

/**
 * An answer given again tells of the time when it was first given. Where the feed of the device has gone past that
 * already, it will not be told of it once more: what was deleted, moved or settled meanwhile would stand there for ever. So
 * the reply says which answers are so old.
 */
export async function answeredBefore(
  { store }: Engine,
  answers: readonly Answer[],
  {
    changes,
    deviceId,
    token,
    granted,
  }: {
    changes: readonly ReadChange[]
    deviceId: string
    token: KnownFeed
    granted: ReadonlySet<string>
  },
): Promise<AnsweredBefore> {
  const told = answers.flatMap(({ index, kind, text, replayed }) => {
    const change = changes[index]?.change
    // What is decided now is of now.
    if (!replayed || kind === 'rejected' || !change) return []
    const answer = JSON.parse(text) as Accepted | Conflicted
    // What moved nothing tells of the place that the record should have left.
    const isMade = 'outcome' in answer && answer.outcome !== 'superseded'
    const scope = answer.scope ?? ((!isMade && change.from_scope) || change.scope)
    const version = 'version' in answer ? answer.version : answer.server_version
    const conflictId = 'conflict_id' in answer ? answer.conflict_id : null
    const { op_id: opId, table, record_id: id, hlc } = change
    return [{ scope, version, conflictId, opId, table, id, hlc }]
  })
  if (told.length === 0) return nothing

  const seqIn = (scope: string) =>
    token === null || token === 'foreign' || token.leaving.has(scope) ? 0 : (token.positions.get(scope) ?? 0)
  const asked = told.flatMap((each) => {
    const seq = granted.has(each.scope) ? seqIn(each.scope) : 0
    return seq > 0 ? [{ ...each, seq }] : []
  })
  const isTold =
    asked.length === 0
      ? []
      : await store.toldBy(
          asked.map(({ scope, table, id, version, seq }) => ({ scope, table, id, version, seq })),
        )
  const conflicts = told.flatMap(({ conflictId }) => conflictId ?? [])
  const open = new Set(conflicts.length === 0 ? [] : await store.openConflicts(deviceId))
  return {
    gone: told.filter(({ scope }) => !granted.has(scope)).map(leave),
    covered: asked.flatMap(({ opId }, index) => (isTold[index] ? [opId] : [])),
    settled: conflicts.filter((id) => !open.has(id)),
  }
}

/** The feed would never clear it away: the token is of before the write, or of after the scope was left. */
function leave(told: {
  scope: string
  table: string
  id: string
  version: number
  hlc: string
}): ServerChange {
  const { scope, table, id, version, hlc } = told
  return {
    ...{ scope, seq: 0, table, record_id: id, operation: 'LEAVE', version },
    ...{ data: null, checksum: recordChecksum(null, sha256Hex), hlc },
    by: { kind: 'system', id: 'scope-revoked' },
    conflict_id: null,
  }
}
