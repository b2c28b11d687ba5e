import { encode } from 'next-auth/jwt'
import { roles, systemActor, type Role } from '../actor.ts'
import { createApiKey } from '../api-keys/create.ts'
import { enrollDevice } from '../devices/enroll.ts'
import { createEnrollmentKey } from '../enrollment-keys/create.ts'
import { createUser } from '../users/create.ts'
import type { Route } from '../http/door.ts'
import { testDatabase, type TestDatabase } from './database.ts'

export const origin = 'http://holdfast.test'
export const testPassword = 'correct horse battery staple'

export type TestDevice = { id: string; incarnation: string; token: string; headers: Record<string, string> }

/** Everybody who can knock at a door, on a database of their own, which is this process's database from here on. */
export type Everybody = {
  own: TestDatabase
  /** API keys by role. */
  keys: Record<Role, Record<string, string>>
  /** Session cookies by role, with what a browser sends along with a write from this site. */
  people: Record<Role, { id: string; email: string; headers: Record<string, string> }>
  enrollmentKey: string
  enroll: (device?: {
    id?: string
    scopes?: string[]
    incarnation?: string
    name?: string
  }) => Promise<TestDevice>
  close: () => Promise<void>
}

export async function everybody(): Promise<Everybody> {
  const own = await testDatabase()
  process.env['DATABASE_URL'] = own.url
  process.env['HOLDFAST_TOKEN_SECRET'] ??= 'a token secret for tests, long enough'
  const system = systemActor('test')

  const keys = {} as Everybody['keys']
  const people = {} as Everybody['people']
  for (const role of roles) {
    const key = await createApiKey(system, { name: `key of ${role}`, role })
    keys[role] = { authorization: `Bearer ${key.secret}`, 'content-type': 'application/json' }
    const email = `${role}@holdfast.test`
    const user = await createUser(system, { email, role, password: testPassword })
    people[role] = { id: user.id, email, headers: await browserHeaders(user.id) }
  }
  const { secret: enrollmentKey } = await createEnrollmentKey(system, { name: 'tests' })
  return {
    own,
    keys,
    people,
    enrollmentKey,
    async enroll(device = {}) {
      const {
        id = crypto.randomUUID(),
        scopes = ['site-1'],
        incarnation = crypto.randomUUID(),
        name = 'Tablet',
      } = device
      const reply = await enrollDevice(
        {
          enrollment_key: enrollmentKey,
          device_id: id,
          incarnation,
          name,
          platform: 'test',
          app_version: '1.0',
          scopes,
        },
        { network: 'test', traceId: '0'.repeat(32) },
      )
      const headers = { authorization: `Bearer ${reply.device_token}`, 'content-type': 'application/json' }
      return { id, incarnation, token: reply.device_token, headers }
    },
    close: () => own.close(),
  }
}

/** A request as it reaches a route. */
export function request(
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: unknown } = {},
): Request {
  const { method = 'GET', headers = {}, body } = options
  return new Request(new URL(path, origin), {
    method,
    headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
}

type Sent = { method?: string; headers?: Record<string, string>; body?: unknown; id?: string }

/** Calls a route that answers JSON, with `id` as its address's. */
export async function call(route: Route, sent: Sent = {}) {
  const context = { params: Promise.resolve(sent.id === undefined ? {} : { id: sent.id }) }
  const response = await route(request('/api/v1/somewhere', sent), context)
  const body = (await response.json()) as Record<string, unknown>
  return { status: response.status, headers: response.headers, body }
}

/** Somebody new with a session, for tests that end it. */
export async function newPerson(role: Role = 'viewer') {
  const email = `${crypto.randomUUID()}@holdfast.test`
  const user = await createUser(systemActor('test'), { email, role, password: testPassword })
  return { ...user, headers: await browserHeaders(user.id) }
}

/** What a browser with a session sends along with a write from this site. */
async function browserHeaders(userId: string): Promise<Record<string, string>> {
  const token = await encode({ token: { sub: userId, sessionVersion: 1 }, secret: sessionSecret() })
  return {
    cookie: `other=1; next-auth.session-token=${token}`,
    'content-type': 'application/json',
    'sec-fetch-site': 'same-origin',
    origin,
    host: new URL(origin).host,
  }
}

function sessionSecret(): string {
  return (process.env['HOLDFAST_SESSION_SECRET'] ??= 'a session secret for tests, long enough')
}
