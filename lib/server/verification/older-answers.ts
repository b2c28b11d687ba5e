import type { Content } from '#lib/protocol/confirm.ts'
import { contentHash } from '../sync/read-changes.ts'
import { checksumOf, isHashOf, parse, standsRight } from './payload-again.ts'
import type { StoredPayload, Surroundings } from './payloads-store.ts'

// Answers given before the log kept what an operation was made on (`sent-content.ts`). They go with their window.

/** As many as one answer may cost: an operation on a record of thousands of versions is not looked for for ever. */
const mostTries = 20_000

/** Whether the payload's hash is that of something the operation may have been. */
export function isFound(answer: StoredPayload, around: Surroundings): boolean {
  if (around.change !== null) {
    const raw = parse(around.change)
    return isHashOf(raw, answer) && (answer.table === null || standsRight(answer, raw as Content))
  }
  // A saga that ended is kept for a quarter, answers for as long as any table's records.
  if (answer.logged?.is_step) return true
  let tries = 0
  for (const content of contents(answer, around)) {
    if (contentHash(content) === answer.hash) return standsRight(answer, content)
    if (++tries > mostTries) return true
  }
  return false
}

/** Everything that an operation may have been, what is likeliest first. */
function* contents(answer: StoredPayload, around: Surroundings): Generator<Content> {
  const { op_id, logged, table, record_id, scope, version } = answer
  const checksum = checksumOf(answer)
  if (table === null || record_id === null || scope === null || checksum === null) return
  const operations = logged ? [logged.operation] : (['UPDATE', 'CREATE', 'DELETE'] as const)
  const newest = Math.max(logged?.before_version ?? 0, version ?? 0)
  const versions = [
    ...(answer.stands_on === null ? [] : [answer.stands_on]),
    ...Array.from({ length: newest + 1 }, (_, index) => newest - index),
  ]
  const scopes = [...new Set([scope, ...around.scopes])]
  for (const base_op_id of [null, ...around.others]) {
    for (const sentTo of scopes) {
      for (const from_scope of [null, ...scopes]) {
        for (const operation of operations) {
          for (const base_version of versions) {
            yield {
              ...{ op_id, table, operation, record_id, scope: sentTo, checksum, base_version },
              ...{ from_scope, base_op_id },
              ...(logged?.first_checksum && { first_checksum: logged.first_checksum }),
            }
          }
        }
      }
    }
  }
}
