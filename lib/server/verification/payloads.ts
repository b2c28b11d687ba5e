import { isJsonObject, jsonEqual } from '#lib/core/json.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import { sha256Hex } from '../sync/read-changes.ts'
import type { Finding } from './finding.ts'
import { isFound } from './older-answers.ts'
import { isPayloadRight, keptOf, parse } from './payload-again.ts'
import { selectPayloads, selectSurroundings, type StoredPayload } from './payloads-store.ts'
import type { Ask } from './store.ts'

const nil = '00000000-0000-0000-0000-000000000000'

/**
 * Verifies what answers keep of their operations: what was pushed, where and when, against the log and the dead letters;
 * and the payload's hash, by making it again of what is kept of the operation.
 */
export async function* verifyPayloads(ask: Ask): AsyncGenerator<Finding> {
  let after = { device: nil, incarnation: nil, seq: 0 }
  for (;;) {
    const answers = await selectPayloads(ask, after)
    const last = answers.at(-1)
    if (!last) return
    const open: StoredPayload[] = []
    for (const answer of answers) {
      const fault = faultOf(answer)
      if (fault) {
        yield tell(answer, fault)
        continue
      }
      const isRight = isPayloadRight(answer)
      if (isRight === null) open.push(answer)
      else if (!isRight) yield tell(answer, 'the payload’s hash is not that of what was sent')
    }
    if (open.length > 0) {
      const around = await selectSurroundings(
        ask,
        open.map(({ op_id }) => op_id),
      )
      const known = new Map(around.map((each) => [each.op_id, each]))
      for (const answer of open) {
        const surroundings = known.get(answer.op_id)!
        const isKept = surroundings.change !== null
        if (!isFound(answer, surroundings) && (isKept || !surroundings.is_unknown)) {
          yield tell(answer, 'the payload’s hash is not that of anything it may have been')
        }
      }
    }
    after = { device: last.device_id, incarnation: last.incarnation, seq: last.seq }
  }
}

function tell({ seq, op_id, record_id }: StoredPayload, detail: string): Finding {
  return { check: 'answers', seq, id: op_id, ...(record_id !== null && { record_id }), detail }
}

/** What of an answer is not what the log, or its dead letter, says of the operation. */
function faultOf(answer: StoredPayload): string | null {
  const { kind, logged, letter, pushed, scope, created_at: at, stands_on: standsOn, version } = answer
  const kept = keptOf(pushed)
  if (!kept) return 'what was pushed cannot be read'
  const { data } = kept
  if (kind === 'rejected') {
    if (!letter) return 'was refused, and its dead letter is not there'
    const isOfItsTime = letter.is_first ? letter.millis === at.getTime() : letter.millis <= at.getTime()
    if (!isOfItsTime) return 'was answered at another time than its dead letter came'
    const sent = parse(letter.change)
    if (answer.table === null) {
      return pushed === null && answer.record_id === null && scope === null
        ? null
        : 'nobody could read what was pushed'
    }
    const {
      table,
      record_id,
      scope: wanted = 'default',
      data: wished = null,
    } = isJsonObject(sent) ? sent : {}
    if (answer.table !== table || answer.record_id !== record_id)
      return 'is about another record than its dead letter'
    if (scope !== wanted && !letter.is_followed) return 'is of another scope than its dead letter'
    const isSame = jsonEqual(data, wished) || letter.is_older
    return pushed !== null && isSame ? null : 'what was pushed is not in its dead letter'
  }
  if (version === null) return 'names no version'
  if ((pushed === null) !== (standsOn === version && !kept.sent))
    return 'what was pushed is kept, or is not, against the rule'
  if (!logged) {
    return kind === 'accepted' || answer.is_compacted ? null : 'is in conflict, and the log does not say so'
  }
  if (logged.millis !== at.getTime()) return 'was answered at another time than it was logged'
  if (scope !== logged.scope && scope !== logged.to_scope) return 'is of another scope than the log says'
  if (pushed === null) return null
  if (logged.lost !== null && kind === 'conflict' && !jsonEqual(data, parse(logged.lost))) {
    return 'what was pushed is not what the log keeps of it'
  }
  if (logged.outcome === 'merged' && standsOn !== null) return 'was merged, and stands on a version'
  const isKept = logged.effect === 'NONE' && logged.outcome === 'superseded'
  return isKept && recordChecksum(data, sha256Hex) !== logged.checksum
    ? 'what was pushed is not that of the checksum in the log'
    : null
}
