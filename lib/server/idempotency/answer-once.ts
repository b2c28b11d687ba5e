import { createHash } from 'node:crypto'
import { AppError } from '#lib/protocol/errors.ts'
import type { Actor } from '../actor.ts'
import type { ApiRequest } from '../http/api-request.ts'
import { TextReply, type Reply } from '../http/reply.ts'
import { open, seal } from './seal.ts'
import { claimKey, forgetKey, keepAnswer } from './store.ts'

type KeyedWrite = { actor: Actor; key: string; request: ApiRequest; body: unknown }

/** What of an answer is given again. */
const keptHeaders = ['content-type', 'etag', 'location']

/**
 * Does a write once per actor and Idempotency-Key: the same write again gets the first answer, another write under
 * the same key is refused. A write that failed had no effect, so its key is free again.
 * @throws AppError `conflict` for another write, or while the first is under way
 */
export async function answerOnce(write: KeyedWrite, answer: () => Promise<Reply>): Promise<Reply> {
  const { actor, key } = write
  if (key === '' || key.length > 200) {
    throw new AppError('invalid_request', 'An Idempotency-Key has 1 to 200 characters.')
  }
  const claim = {
    actorId: actor.id,
    key: hash(key).toString('hex'),
    requestHash: new Uint8Array(hash(describe(write))),
  }
  const earlier = await claimKey(claim)
  if (earlier) {
    if (!earlier.same)
      throw new AppError('conflict', 'This Idempotency-Key was used for another write. Use a new one.')
    if (earlier.body === null || earlier.status === null) {
      throw new AppError(
        'conflict',
        'The first write with this Idempotency-Key is not answered yet. Look before you repeat it.',
      )
    }
    const kept = open(earlier.body, key)
    return new TextReply([kept.body], {
      status: earlier.status,
      headers: { ...kept.headers, 'idempotency-replayed': 'true' },
    })
  }
  try {
    const reply = await answer()
    const body = reply instanceof TextReply ? reply.parts.join('') : await reply.text()
    const headers = Object.fromEntries(keptHeaders.flatMap((name) => [...pick(reply.headers, name)]))
    await keepAnswer(claim, reply.status, seal({ headers, body }, key))
    return new TextReply([body], { status: reply.status, headers: Object.fromEntries(reply.headers) })
  } catch (error) {
    await forgetKey(claim)
    throw error
  }
}

function* pick(headers: Reply['headers'], name: string): Generator<[string, string]> {
  const value = headers.get(name)
  if (value != null) yield [name, value]
}

function describe({ request, body }: KeyedWrite): string {
  const { pathname, search } = new URL(request.url)
  return JSON.stringify([request.method, pathname, search, request.headers.get('if-match'), body])
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
