import type { Refusal } from '#lib/core/decide.ts'
import { upcast } from '#lib/core/upcast.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import type { Change } from '#lib/protocol/sync.ts'
import type { KnownPolicy } from '../tables/policy-cache.ts'
import { sha256Hex, type ReadChange } from './read-changes.ts'

export type Raised =
  | { kind: 'as_sent' }
  | { kind: 'raised'; read: ReadChange; change: Change }
  | { kind: 'unsupported'; refusal: Refusal<'schema_version_unsupported'> }

/**
 * A change whose data is of an older schema, with its data brought up to the table's. What the device sent stays in
 * `raw`, and so in its dead letter, if it comes to that.
 * @param schemaVersion the schema the data is in
 */
export function raiseChange(
  read: ReadChange,
  change: Change,
  schemaVersion: number,
  policy: KnownPolicy,
): Raised {
  if (schemaVersion >= policy.schema_version || change.data == null) return { kind: 'as_sent' }
  const data = upcast(change.data, schemaVersion, policy)
  if (data === null) {
    const detail =
      `${policy.name} is at schema version ${policy.schema_version}, and takes no more changes of version ` +
      `${schemaVersion}. Update the app.`
    return { kind: 'unsupported', refusal: { code: 'schema_version_unsupported', detail } }
  }
  const raised = { ...change, data }
  const checksum = recordChecksum(data, sha256Hex)
  return { kind: 'raised', change: raised, read: { ...read, change: raised, fault: null, checksum } }
}
