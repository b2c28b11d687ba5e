import { answerDigest, answerFacts, type AnswerEntry } from '#lib/protocol/confirm.ts'
import type { SyncRequest } from '#lib/protocol/sync.ts'
import { sha256Hex, type Reply } from './model-answers.ts'

type Known = { byOp: Map<string, Reply>; hashes: Map<string, string>; deadLetters: string[] }

/** What a reply says of the operations that the device asks about; nothing where it asks about none. */
export function unconfirmed(asked: SyncRequest['confirm'], known: Known): { unconfirmed?: string[] } {
  if (asked.length === 0) return {}
  return { unconfirmed: asked.filter((each) => !isKnown(each, known)).map(({ op_id }) => op_id) }
}

function isKnown(
  { op_id: opId, digest, dead_letter_id: letter }: SyncRequest['confirm'][number],
  { byOp, hashes, deadLetters }: Known,
): boolean {
  const reply = byOp.get(opId)
  // A refusal that is kept nowhere else, because the op_id is another operation's, has its dead letter.
  if (letter !== undefined && deadLetters.includes(letter)) return true
  if (!reply) return false
  const kind = reply.kind === 'conflicts' ? 'conflict' : reply.kind
  const facts = answerFacts({ ...reply.value, kind } as AnswerEntry)
  return answerDigest(hashes.get(opId) ?? '', facts, sha256Hex) === digest
}
