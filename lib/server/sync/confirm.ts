import { answerDigest } from '#lib/protocol/confirm.ts'
import type { SyncRequest } from '#lib/protocol/sync.ts'
import type { Engine } from './engine.ts'
import { sha256Hex } from './read-changes.ts'

/**
 * Which of the operations that a device says were answered this server does not know so: another server was restored to a
 * time before, or a twin of the device had them answered otherwise. One that was answered so long ago that no answer of
 * that time is kept is believed.
 * @returns their op_ids
 */
export async function unconfirmed(
  { store }: Engine,
  deviceId: string,
  asked: SyncRequest['confirm'],
): Promise<string[]> {
  const known = await store.answered({
    device: deviceId,
    op_ids: asked.map(({ op_id }) => op_id),
    dead_letters: asked.flatMap(({ dead_letter_id: id }) => id ?? []),
  })
  const digests = new Set(
    known.results.map(({ op_id: opId, hash, ...facts }) => `${opId} ${answerDigest(hash, facts, sha256Hex)}`),
  )
  const letters = new Set(known.dead_letters)
  const forgotten = new Map(known.forgotten.map(({ incarnation, seq }) => [incarnation, seq]))
  return asked
    .filter(({ op_id: opId, incarnation, seq, digest, dead_letter_id: letter }) => {
      // A refusal that is kept nowhere else, because the op_id is another operation's, has its dead letter.
      const isLetterHere = letter !== undefined && letters.has(letter)
      return !digests.has(`${opId} ${digest}`) && !isLetterHere && seq > (forgotten.get(incarnation) ?? 0)
    })
    .map(({ op_id: opId }) => opId)
}
