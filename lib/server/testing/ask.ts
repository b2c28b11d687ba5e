import type { Role } from '../actor.ts'
import type { Params, Route } from '../http/door.ts'
import { request, type Everybody } from './everybody.ts'

export type Question = {
  role: Role
  method?: string
  path: string
  params?: Params
  body?: unknown
  ifMatch?: string
}
export type Answer<Body> = { status: number; etag: string | null; body: Body }

/** Calls a console route as a script with an API key of that role would. The body is what the test expects it to be. */
export async function ask<Body = Record<string, unknown>>(
  everybody: Everybody,
  route: Route,
  { role, method = 'GET', path, params = {}, body, ifMatch }: Question,
): Promise<Answer<Body>> {
  const headers = { ...everybody.keys[role], ...(ifMatch !== undefined && { 'if-match': ifMatch }) }
  const response = await route(request(path, { method, headers, body }), { params: Promise.resolve(params) })
  const answered: Body = await response.json()
  return { status: response.status, etag: response.headers.get('etag'), body: answered }
}
