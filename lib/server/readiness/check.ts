import { setTimeout as after } from 'node:timers/promises'
import { AppError } from '#lib/protocol/errors.ts'
import { readServerRow } from './store.ts'

/** A probe that waits is as bad as one that fails. */
const timeoutMs = 2_000

/** Whether the database answers, in time. @throws AppError `unavailable` */
export async function checkReady(): Promise<void> {
  const slow = new AbortController()
  const reading = readServerRow()
  // Where the timeout wins, nobody waits for the query any more; its failure is told by this answer.
  reading.catch(() => {})
  try {
    const isThere = await Promise.race([reading, after(timeoutMs, false, { signal: slow.signal })])
    if (!isThere) throw new Error('no answer in time, or no migrations applied')
  } catch (cause) {
    throw new AppError('unavailable', 'The database does not answer.', { cause })
  } finally {
    slow.abort()
  }
}
