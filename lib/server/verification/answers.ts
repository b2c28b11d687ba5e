import { isJsonObject, type Json } from '#lib/core/json.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import { sha256Hex } from '../sync/read-changes.ts'
import type { Finding } from './finding.ts'
import { missingOf, selectAnswers, type Ask, type StoredAnswer } from './store.ts'

const nil = '00000000-0000-0000-0000-000000000000'

/** Verifies that the answers devices were given say what the tables say. */
export async function* verifyAnswers(ask: Ask): AsyncGenerator<Finding> {
  let after = { device: nil, incarnation: nil, seq: 0 }
  for (;;) {
    const answers = await selectAnswers(ask, after)
    const last = answers.at(-1)
    if (!last) return
    const named = { conflict: new Map<string, StoredAnswer>(), dead_letter: new Map<string, StoredAnswer>() }
    for (const answer of answers) {
      const entry = parse(answer.answer)
      const fault = faultOf(answer, entry)
      if (fault) yield tell(answer, fault)
      for (const table of ['conflict', 'dead_letter'] as const) {
        const id = entry?.[`${table}_id`]
        if (typeof id === 'string') named[table].set(id, answer)
      }
    }
    for (const table of ['conflict', 'dead_letter'] as const) {
      for (const missing of await missingOf(ask, table, [...named[table].keys()])) {
        yield tell(
          named[table].get(missing)!,
          `names a ${table.replace('_', ' ')} that is not there: ${missing}`,
        )
      }
    }
    after = { device: last.device_id, incarnation: last.incarnation, seq: last.seq }
  }
}

function tell({ seq, op_id, record_id }: StoredAnswer, detail: string): Finding {
  return { check: 'answers', seq, id: op_id, ...(record_id !== null && { record_id }), detail }
}

function parse(text: string): { [name: string]: Json } | null {
  try {
    const value = JSON.parse(text) as Json
    return isJsonObject(value) ? value : null
  } catch {
    return null
  }
}

/** What an answer of each kind has, and no other. */
const marks: Record<string, string> = {
  ...{ accepted: 'outcome', conflict: 'conflict_id', rejected: 'dead_letter_id' },
}

function faultOf(
  { kind, op_id, record_id, version }: StoredAnswer,
  entry: ReturnType<typeof parse>,
): string | null {
  if (entry === null) return 'the answer cannot be read'
  if (entry['op_id'] !== op_id) return 'the answer is that of another operation'
  if (entry[marks[kind] ?? ''] === undefined) return 'the answer is of another kind'
  if (kind === 'rejected') return null
  if (entry['record_id'] !== record_id) return 'the answer is about another record'
  const told = entry[kind === 'accepted' ? 'version' : 'server_version']
  if (told !== version) return 'the answer names another version'
  if (kind === 'conflict') return null
  const { data = null, checksum } = entry
  return data === null || recordChecksum(data, sha256Hex) === checksum
    ? null
    : 'the state in the answer is not that of its checksum'
}
