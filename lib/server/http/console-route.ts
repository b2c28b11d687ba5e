import type { z } from 'zod'
import { AppError } from '#lib/protocol/errors.ts'
import { uuid } from '#lib/protocol/sync.ts'
import { authorise, type Actor, type Role } from '../actor.ts'
import { authenticateCaller } from '../auth.ts'
import { requireOwnSession } from '../users/own-session.ts'
import { answerOnce } from '../idempotency/answer-once.ts'
import { readJson } from './body.ts'
import { route, type Params, type Route } from './door.ts'
import type { Handled } from './handle.ts'
import { parseRequest, queryObject } from './parse.ts'
import { requiredTag, requiredVersion } from './precondition.ts'
import type { Reply } from './reply.ts'
import { requireSameOrigin } from './same-origin.ts'

export type ConsoleCall = Handled & {
  actor: Actor
  params: Params
  /** The UUID in the address. @throws AppError `not_found` where it is none */
  id: () => string
  /** The query by its schema. @throws AppError `invalid_request` */
  query: <Schema extends z.ZodType>(schema: Schema) => z.output<Schema>
  /** The JSON body by its schema; none is `{}`. @throws AppError `invalid_request` */
  body: <Schema extends z.ZodType>(schema: Schema) => z.output<Schema>
  /** The ETag in If-Match, without its quotes. @throws AppError `precondition_required`, `stale` */
  tag: () => string
  /** The version in If-Match, for items whose ETag is just that. @throws AppError `precondition_required`, `stale` */
  version: () => number
}

/** Room for a record of the largest size within an edited change, and no more. */
const bodyLimitBytes = 4 * 1_048_576
const reads = new Set(['GET', 'HEAD'])

/**
 * A route for people with a session and for scripts with an API key, whose role is at least `role`; `person`: for
 * anybody who is signed in, and no API key. The verb it calls authorises again: this is the door, not the lock.
 */
export function consoleRoute(
  name: string,
  role: Role | 'person',
  answer: (call: ConsoleCall) => Promise<Reply>,
): Route {
  return route(name, { kind: 'console', role }, async (handled, params) => {
    const { request, span } = handled
    const actor = await authenticateCaller(request.headers)
    span.setAttribute('enduser.id', actor.id)
    if (role === 'person') requireOwnSession(actor)
    else authorise(actor, role)
    const writes = !reads.has(request.method)
    if (writes && actor.via === 'session') requireSameOrigin(request)
    const body = writes ? (await readJson(request, bodyLimitBytes, { whenEmpty: {} })).value : undefined
    const call: ConsoleCall = {
      ...handled,
      actor,
      params,
      id: () => requiredId(params),
      query: (schema) => parseRequest(schema, queryObject(request.url)),
      body: (schema) => parseRequest(schema, body),
      tag: () => requiredTag(request.headers),
      version: () => requiredVersion(request.headers),
    }
    const key = request.headers.get('idempotency-key')
    return writes && key !== null
      ? answerOnce({ actor, key, request, body }, () => answer(call))
      : answer(call)
  })
}

function requiredId(params: Params): string {
  const id = uuid.safeParse(params['id']?.toLowerCase())
  if (!id.success) throw new AppError('not_found', 'There is nothing with this id.')
  return id.data
}
