import { isJsonObject, jsonEqual, type Json } from '#lib/core/json.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import { contentHash, readChanges, sha256Hex } from '../sync/read-changes.ts'
import type { Finding } from './finding.ts'
import {
  selectPayloads,
  selectSurroundings,
  type StoredPayload,
  type Surroundings,
} from './payloads-store.ts'
import type { Ask } from './store.ts'

type Content = Parameters<typeof contentHash>[0]

const nil = '00000000-0000-0000-0000-000000000000'
/** As many as one answer may cost: an operation on a record of thousands of versions is not looked for for ever. */
const mostTries = 20_000

/**
 * Verifies what answers keep of their operations: what was pushed, where and when, against the log and the dead letters;
 * and the payload's hash, by making it again. What a device sent is not in the log, but everything that its hash is made
 * of is: the one thing that has to be found is what the edit was made on.
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
      if (fault) yield tell(answer, fault)
      else if (!isProven(answer, null)) open.push(answer)
    }
    if (open.length > 0) {
      const around = await selectSurroundings(
        ask,
        open.map(({ op_id }) => op_id),
      )
      const known = new Map(around.map((each) => [each.op_id, each]))
      for (const answer of open) {
        const surroundings = known.get(answer.op_id)!
        const isKept = answer.letter !== null || surroundings.change !== null
        if (!isProven(answer, surroundings) && (isKept || !surroundings.is_unknown)) {
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
  const data = dataOf(pushed)
  if (data === undefined) return 'what was pushed cannot be read'
  if (kind === 'rejected') {
    if (!letter) return 'was refused, and its dead letter is not there'
    const isOfItsTime = letter.is_first ? letter.millis === at.getTime() : letter.millis <= at.getTime()
    if (!isOfItsTime) return 'was answered at another time than its dead letter came'
    const [read] = readChanges([parse(letter.change)])
    if (!read?.change)
      return pushed === null && answer.table === null ? null : 'nobody could read what was pushed'
    const { scope: sent, table, record_id } = read.change
    if (answer.table !== table || answer.record_id !== record_id)
      return 'is about another record than its dead letter'
    if (scope !== sent && !letter.is_followed) return 'is of another scope than its dead letter'
    return pushed !== null && jsonEqual(data, read.change.data ?? null)
      ? null
      : 'what was pushed is not in its dead letter'
  }
  if (version === null) return 'names no version'
  if ((pushed === null) !== (standsOn === version))
    return 'what was pushed is kept, or is not, against the rule'
  if (!logged) {
    return kind === 'accepted' || answer.is_compacted ? null : 'is in conflict, and the log does not say so'
  }
  if (logged.millis !== at.getTime()) return 'was answered at another time than it was logged'
  if (!logged.scopes.includes(scope)) return 'is of another scope than the log says'
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

/**
 * Whether the payload's hash is made again: of the change itself where it is kept, else of what it may have been.
 * What lost, and was made on a version, stands on that one, or on none where a restored server could not believe it.
 */
function isProven(answer: StoredPayload, around: Surroundings | null): boolean {
  const kept = answer.letter?.change ?? around?.change
  if (kept !== undefined && kept !== null) {
    const [read] = readChanges([parse(kept)])
    return read?.hash === answer.hash && (!read.change || standsRight(answer, read.change))
  }
  let tries = 0
  for (const content of contents(answer, around)) {
    if (contentHash(content) === answer.hash) return standsRight(answer, content)
    if (++tries > mostTries) return true
  }
  return false
}

function standsRight({ kind, logged, stands_on: standsOn }: StoredPayload, made: Content): boolean {
  const hasLost = kind === 'conflict' || logged?.outcome === 'superseded'
  return !hasLost || made.base_op_id != null || standsOn === null || standsOn === made.base_version
}

/** Everything that an operation may have been, what is likeliest first. */
function* contents(answer: StoredPayload, around: Surroundings | null): Generator<Content> {
  const { op_id, logged, table, record_id, scope, version } = answer
  const checksum =
    answer.pushed === null ? answer.checksum : recordChecksum(dataOf(answer.pushed) ?? null, sha256Hex)
  if (table === null || record_id === null || scope === null || checksum === null) return
  const operations = logged ? [logged.operation] : ['UPDATE', 'CREATE', 'DELETE']
  const newest = Math.max(logged?.before_version ?? 0, version ?? 0)
  const versions = [
    ...(answer.stands_on === null ? [] : [answer.stands_on]),
    ...Array.from({ length: newest + 1 }, (_, index) => newest - index),
  ]
  const from = logged?.from_scope ?? null
  const scopes = around ? [...new Set([scope, ...around.scopes])] : [scope]
  const moves = around ? [null, ...scopes] : from === null ? [null] : [from, null]
  for (const base_op_id of [null, ...(around?.others ?? [])]) {
    for (const sentTo of scopes) {
      for (const from_scope of moves) {
        for (const operation of operations as Content['operation'][]) {
          for (const base_version of versions) {
            yield {
              ...{ op_id, table, operation, record_id, scope: sentTo, checksum, base_version },
              ...(logged?.first_checksum && { first_checksum: logged.first_checksum }),
              ...(from_scope !== null && { from_scope }),
              ...(base_op_id !== null && { base_op_id }),
            }
          }
        }
      }
    }
  }
}

/** The data in `pushed`; null where nothing is kept, undefined where it is not of the shape. */
function dataOf(pushed: string | null): Json | undefined {
  if (pushed === null) return null
  const kept = parse(pushed)
  const isOfShape =
    isJsonObject(kept) && Object.keys(kept).every((name) => name === 'data' || name === 'bridge')
  return isOfShape && 'data' in kept ? kept['data'] : undefined
}

function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return null
  }
}
