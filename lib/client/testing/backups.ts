import type { ModelServer } from './model-server.ts'

type Refusal = { code: string; retryable: boolean }

/**
 * Answers the edits of a record in turn as told, undefined: as usual. The server is backed up when the last answer is
 * due: the place of the edit is open then, and the end of the stream may lie beyond it.
 * @returns puts that backup back
 */
export function backUpBeforeLast(
  server: ModelServer,
  recordId: string,
  answers: readonly (Refusal | undefined)[],
): () => void {
  const left = [...answers]
  let backup: ReturnType<ModelServer['backup']> | null = null
  const shift = () => {
    if (left.length === 1) backup = server.backup()
    return left.shift()
  }
  server.refusals.set(recordId, { shift })
  return () => {
    if (!backup) throw new Error('the last answer was never due')
    server.restore(backup)
  }
}
