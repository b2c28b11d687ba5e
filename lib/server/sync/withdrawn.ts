import { recordChecksum } from '#lib/protocol/checksum.ts'
import type { Accepted, Conflicted, ServerChange } from '#lib/protocol/sync.ts'
import type { Answer } from './batch.ts'
import { sha256Hex, type ReadChange } from './read-changes.ts'

/**
 * Records that an answer given again tells of, in scopes that were revoked since, as LEAVE. The device takes the answer,
 * and the feed would never clear the record away: where the token is of before the write, or of after the scope was left,
 * it does not name it.
 * @returns server changes, to follow those of the page
 */
export function withdrawn(
  answers: readonly Answer[],
  changes: readonly ReadChange[],
  granted: ReadonlySet<string>,
): ServerChange[] {
  return answers.flatMap(({ index, kind, text, replayed }) => {
    const change = changes[index]?.change
    // What is decided now is in a scope that is granted now.
    if (!replayed || kind === 'rejected' || !change) return []
    const answer = JSON.parse(text) as Accepted | Conflicted
    const scope = answer.scope ?? change.scope
    if (granted.has(scope)) return []
    return {
      ...{ scope, seq: 0, table: change.table, record_id: change.record_id, operation: 'LEAVE' },
      version: 'version' in answer ? answer.version : answer.server_version,
      ...{ data: null, checksum: recordChecksum(null, sha256Hex), hlc: change.hlc },
      by: { kind: 'system', id: 'scope-revoked' },
      conflict_id: null,
    }
  })
}
