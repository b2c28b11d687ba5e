import { AppError } from '#lib/protocol/errors.ts'
import type { Role } from '../actor.ts'
import type { ApiRequest } from './api-request.ts'
import { handle, type Handled } from './handle.ts'
import { TextReply, type Reply } from './reply.ts'

/** Who may enter an API route. */
export type Door =
  | { kind: 'open' }
  | { kind: 'device' }
  | { kind: 'console'; role: Role | 'person' }
  | { kind: 'closed'; allow: string }

export type Params = Record<string, string>

type RouteContext = { params?: Promise<Record<string, string | string[] | undefined>> }

/** A verb of a route file, as Next calls it, with its door for the test that walks all of them. */
export type Route = {
  (request: ApiRequest, context?: RouteContext): Promise<Response>
  /** The same for `node-door.ts`, which needs no `Response`. */
  readonly reply: (request: ApiRequest) => Promise<Reply>
  readonly door: Door
}

/** Hangs a door on a handler. Every verb under app/api goes through here, so that none is forgotten. */
export function route(
  name: string,
  door: Door,
  answer: (handled: Handled, params: Params) => Promise<Reply>,
): Route {
  const reply = (request: ApiRequest, context?: RouteContext) =>
    handle(request, name, async (handled) => answer(handled, await readParams(context)))
  const enter = async (request: ApiRequest, context?: RouteContext) => {
    const given = await reply(request, context)
    return given instanceof TextReply ? given.toResponse() : given
  }
  return Object.assign(enter, { reply, door })
}

/** A route that anybody may call: what it guards, it guards itself. */
export function openRoute(name: string, answer: (handled: Handled, params: Params) => Promise<Reply>): Route {
  return route(name, { kind: 'open' }, answer)
}

const verbs = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
export type Verb = (typeof verbs)[number]

/**
 * The verbs of one address; those it does not have answer 405 as a problem.
 * ```ts
 * export const { GET, POST, PUT, PATCH, DELETE } = endpoint({ GET: consoleRoute(…) })
 * ```
 */
export function endpoint(routes: Partial<Record<Verb, Route>>): Record<Verb, Route> {
  const allow = verbs.filter((verb) => routes[verb]).join(', ')
  const closed = route('method.refused', { kind: 'closed', allow }, () => {
    throw new AppError('method_not_allowed', `This address answers ${allow} alone.`, { headers: { allow } })
  })
  return { GET: closed, POST: closed, PUT: closed, PATCH: closed, DELETE: closed, ...routes }
}

async function readParams(context: RouteContext | undefined): Promise<Params> {
  const entries = Object.entries((await context?.params) ?? {})
  return Object.fromEntries(
    entries.map(([key, value]) => [key, Array.isArray(value) ? value.join('/') : (value ?? '')]),
  )
}
