import type { Refusal } from '#lib/core/decide.ts'
import type { JsonObject } from '#lib/core/json.ts'
import { upcast, upcastSteps } from '#lib/core/upcast.ts'
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
 *
 * The number of a request belongs to the app and not to one table, so a number past the table's is taken for the table's.
 * A number that the device declares for this table is not: the server does not know that schema yet.
 * @param schemaVersion the schema the data is in
 * @param present the record as it is, for what an older app does not know of
 */
export function raiseChange(
  read: ReadChange,
  change: Change,
  schemaVersion: number,
  policy: KnownPolicy,
  present: JsonObject | null,
): Raised {
  if (change.data == null || schemaVersion === policy.schema_version) return { kind: 'as_sent' }
  if (schemaVersion > policy.schema_version) {
    return read.declaresSchema
      ? unsupported(
          policy,
          `and does not know version ${schemaVersion} yet. It can be replayed once it does.`,
        )
      : { kind: 'as_sent' }
  }
  const steps = upcastSteps(schemaVersion, policy)
  if (steps === null) {
    return unsupported(policy, `and takes no more changes of version ${schemaVersion}. Update the app.`)
  }
  const data = upcast(change.data, steps, present, policy.known.get(schemaVersion) ?? null)
  const raised = { ...change, data }
  const checksum = recordChecksum(data, sha256Hex)
  const sent = read.sent ?? change
  return { kind: 'raised', change: raised, read: { ...read, change: raised, fault: null, checksum, sent } }
}

function unsupported(policy: KnownPolicy, why: string): Raised {
  const detail = `${policy.name} is at schema version ${policy.schema_version}, ${why}`
  return { kind: 'unsupported', refusal: { code: 'schema_version_unsupported', detail } }
}
