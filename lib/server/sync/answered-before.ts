import type { JsonObject } from '#lib/core/json.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import type { Accepted, Conflicted, ServerChange } from '#lib/protocol/sync.ts'
import type { Answer } from './batch.ts'
import type { Engine } from './engine.ts'
import { keyOf } from './record-states.ts'
import type { Loaded, RecordKey } from './store.ts'
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
  /** States that were taken, of operations that the device has stamped anew since. */
  restated: { op_id: string; data: JsonObject }[]
}

const nothing: AnsweredBefore = { gone: [], covered: [], settled: [], restated: [] }

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
    seen,
    standing,
  }: {
    changes: readonly ReadChange[]
    deviceId: string
    token: KnownFeed
    granted: ReadonlySet<string>
  } & Pick<Loaded, 'seen' | 'standing'>,
): Promise<AnsweredBefore> {
  const told = answers.flatMap(({ index, kind, text, replayed }) => {
    const change = changes[index]?.change
    // What is decided now is of now.
    if (!replayed || kind === 'rejected' || !change) return []
    const answer = JSON.parse(text) as Accepted | Conflicted
    // What moved nothing tells of the place that the record should have left.
    const isMade = 'outcome' in answer && answer.outcome !== 'superseded' && answer.outcome !== 'no_change'
    const scope = answer.scope ?? ((!isMade && change.from_scope) || change.scope)
    const version = 'version' in answer ? answer.version : answer.server_version
    const conflictId = 'conflict_id' in answer ? answer.conflict_id : null
    const { op_id: opId, table, record_id: id, hlc } = change
    // Where it was taken as it was sent, the answer does not repeat it.
    const isAnother =
      'outcome' in answer && isMade && answer.data === null && answer.checksum !== change.checksum
    return [{ scope, version, conflictId, opId, table, id, hlc, isAnother }]
  })
  if (told.length === 0) return nothing

  const seqIn = (scope: string) =>
    token === null || token === 'foreign' || token.leaving.has(scope) ? 0 : (token.positions.get(scope) ?? 0)
  const asked = told.flatMap((each) => {
    const seq = granted.has(each.scope) ? seqIn(each.scope) : 0
    return seq > 0 ? [{ ...each, seq }] : []
  })
  // A token at the head covers every answer that was there when the head was read, both by one statement.
  const heads = new Map(standing?.map(({ scope, head }) => [scope, head]))
  const wasThere = new Set(seen?.map(({ op_id }) => op_id))
  const isPast = ({ scope, opId, seq }: (typeof asked)[number]) =>
    wasThere.has(opId) && heads.get(scope) === seq
  const unsure = asked.filter((each) => !isPast(each))
  const isTold =
    unsure.length === 0
      ? []
      : await store.toldBy(
          unsure.map(({ scope, table, id, version, seq }) => ({ scope, table, id, version, seq })),
        )
  const covered = new Set(
    [...asked.filter(isPast), ...unsure.filter((_, index) => isTold[index])].map(({ opId }) => opId),
  )
  const another = told.filter(({ opId, isAnother }) => isAnother && !covered.has(opId))
  const conflicts = told.flatMap(({ conflictId }) => conflictId ?? [])
  const open = new Set(conflicts.length === 0 ? [] : await store.openConflicts(deviceId))
  return {
    gone: told.filter(({ scope }) => !granted.has(scope)).map(leave),
    covered: [...covered],
    settled: conflicts.filter((id) => !open.has(id)),
    restated: another.length === 0 ? [] : await restate(store, another),
  }
}

/** The states of versions, as far as the log still has them. */
async function restate(
  store: Engine['store'],
  versions: readonly (RecordKey & { version: number; opId: string })[],
): Promise<AnsweredBefore['restated']> {
  const keys = versions.map(({ scope, table, id }) => ({ scope, table, id }))
  const { records, bases } = await store.load({
    ...{
      device: null,
      incarnation: null,
      op_ids: [],
      base_op_ids: [],
      tables: [],
      sagas: [],
      since: [],
      token: [],
    },
    keys,
    bases: versions.map(({ version }, index) => ({ ...keys[index]!, version })),
  })
  const known = [...(records ?? []), ...(bases ?? [])]
  return versions.flatMap(({ opId, version, ...key }) => {
    const state = known.find((each) => keyOf(each) === keyOf(key) && each.version === version)
    return state?.data ? [{ op_id: opId, data: state.data }] : []
  })
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
