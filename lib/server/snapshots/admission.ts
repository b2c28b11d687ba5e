import { AppError } from '#lib/protocol/errors.ts'
import { jitteredRetryMs } from '../http/reply.ts'
import { createBatcher, type Batcher } from '../syncs/batcher.ts'
import { admitSnapshots, type Asking, type Turn } from './store.ts'

type Asked = { ask: Asking; turn: Turn | null }

/** More than this many at once in one process are sent away without a place in line. */
const maxWaiting = 5_000
const turnedAwayMs = 20_000

const holder = globalThis as { holdfastAdmission?: ReturnType<typeof createAdmission> }

/**
 * Lets a device begin a full sync, or tells it when to come back.
 * @throws AppError `throttled` with `retry_after_ms`
 */
export function admit(deviceId: string): Promise<void> {
  holder.holdfastAdmission ??= createAdmission(admitSnapshots)
  return holder.holdfastAdmission(deviceId)
}

/**
 * All who ask while a question is under way are asked about together: a herd takes one connection of a process, and
 * leaves the others to those who only want what is new.
 */
export function createAdmission(ask: (asks: readonly Asking[]) => Promise<Turn[]>) {
  const asking: Batcher<Asked> = createBatcher({ flush, maxBatch: 1_000, maxWaiting })

  async function flush(batch: Asked[]): Promise<void> {
    const turns = new Map((await ask(batch.map((asked) => asked.ask))).map((turn) => [turn.device, turn]))
    for (const asked of batch) asked.turn = turns.get(asked.ask.device) ?? null
  }

  return async (deviceId: string): Promise<void> => {
    const asked: Asked = { ask: { device: deviceId, jitter: Math.random() }, turn: null }
    await asking.add(asked).catch((error: unknown) => {
      if (error instanceof RangeError) throw throttled(jitteredRetryMs(turnedAwayMs), 'Very many')
      throw error
    })
    const { turn } = asked
    if (!turn) throw new Error('a device that asked for its turn was not answered')
    if (!turn.admitted) throw throttled(turn.retry_after_ms, String(turn.ahead))
  }
}

function throttled(retryAfterMs: number, ahead: string): AppError {
  return new AppError('throttled', `${ahead} devices load everything before this one. Its turn will come.`, {
    extras: { retry_after_ms: retryAfterMs },
  })
}
