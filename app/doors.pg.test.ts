import { glob } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Route } from '#lib/server/http/door.ts'
import { everybody, request, type Everybody } from '#lib/server/testing/everybody.ts'
import { deviceRoutes } from './device-routes.ts'

/**
 * Who may enter each address, verb by verb. A verb that is not named answers 405.
 * `person`: whoever is signed in, of any role, but no API key. `next-auth`: answers for itself, in Next alone.
 */
type Entry = 'open' | 'device' | 'viewer' | 'operator' | 'admin' | 'person' | 'next-auth'
const doors: Record<string, Partial<Record<Verb, Entry>>> = {
  '/livez': { GET: 'open' },
  '/readyz': { GET: 'open' },
  '/metrics': { GET: 'open' },
  '/sync': { POST: 'device' },
  '/api/[...path]': { GET: 'open', POST: 'open', PUT: 'open', PATCH: 'open', DELETE: 'open' },
  '/api/openapi.json': { GET: 'open' },
  '/api/auth/[...nextauth]': { GET: 'next-auth', POST: 'next-auth' },
  '/api/v1/account/password': { POST: 'person' },
  '/api/v1/account/sign-out-everywhere': { POST: 'person' },
  '/api/v1/api-keys': { GET: 'admin', POST: 'admin' },
  '/api/v1/api-keys/[id]': { DELETE: 'admin' },
  '/api/v1/audit': { GET: 'viewer' },
  '/api/v1/audit/verify': { POST: 'admin' },
  '/api/v1/conflicts': { GET: 'viewer' },
  '/api/v1/conflicts/[id]': { GET: 'viewer' },
  '/api/v1/conflicts/[id]/resolve': { POST: 'admin' },
  '/api/v1/conflicts/[id]/undo': { POST: 'admin' },
  '/api/v1/dead-letters': { GET: 'viewer' },
  '/api/v1/dead-letters/groups': { GET: 'viewer' },
  '/api/v1/dead-letters/[id]': { GET: 'viewer' },
  '/api/v1/dead-letters/[id]/replay': { POST: 'operator' },
  '/api/v1/dead-letters/[id]/discard': { POST: 'operator' },
  '/api/v1/dead-letters/[id]/restore': { POST: 'operator' },
  '/api/v1/devices': { GET: 'viewer' },
  '/api/v1/devices/[id]': { GET: 'viewer' },
  '/api/v1/devices/[id]/[action]': { POST: 'admin' },
  '/api/v1/devices/[id]/scopes': { PUT: 'admin' },
  '/api/v1/digest': { POST: 'device' },
  '/api/v1/enroll': { POST: 'open' },
  '/api/v1/enrollment-keys': { GET: 'admin', POST: 'admin' },
  '/api/v1/enrollment-keys/[id]': { DELETE: 'admin' },
  '/api/v1/health/summary': { GET: 'viewer' },
  '/api/v1/pokes': { GET: 'device' },
  '/api/v1/records': { GET: 'viewer' },
  '/api/v1/records/[...path]': { GET: 'viewer', PUT: 'admin', DELETE: 'admin' },
  '/api/v1/sagas': { GET: 'viewer' },
  '/api/v1/sagas/[id]': { GET: 'viewer' },
  '/api/v1/sagas/[id]/compensate': { POST: 'operator' },
  '/api/v1/sagas/[id]/retry': { POST: 'operator' },
  '/api/v1/snapshot': { GET: 'device' },
  '/api/v1/stream': { GET: 'viewer' },
  '/api/v1/sync': { POST: 'device' },
  '/api/v1/syncs': { GET: 'viewer' },
  '/api/v1/syncs/[id]': { GET: 'viewer' },
  '/api/v1/tables': { GET: 'viewer' },
  '/api/v1/tables/[...name]': { GET: 'viewer', PUT: 'admin' },
  '/api/v1/users': { GET: 'admin', POST: 'admin' },
  '/api/v1/users/[id]': { PUT: 'admin', DELETE: 'admin' },
}

const verbs = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
type Verb = (typeof verbs)[number]

const appDir = import.meta.dirname
const files = await Array.fromAsync(glob('**/route.ts', { cwd: appDir }))
const addresses = files
  .map((file) => `/${file.replaceAll('\\', '/').replace(/\/?route\.ts$/, '')}`.replace(/\/\([^/]+\)/g, ''))
  .toSorted()

let all: Everybody
let callers: [name: string, headers: Record<string, string>][]
beforeAll(async () => {
  all = await everybody()
  const { keys, people } = all
  callers = [
    ['nobody', {}],
    ['garbage', { authorization: 'Bearer garbage' }],
    ['device', (await all.enroll()).headers],
    ['viewer', keys.viewer],
    ['operator', keys.operator],
    ['admin', keys.admin],
    ['viewer signed in', people.viewer.headers],
    ['operator signed in', people.operator.headers],
  ]
})
afterAll(() => all.close())

test('every route is in the table, and every address in the table has a route', () => {
  const planned = new Set(Object.keys(doors))
  expect(addresses.filter((address) => !planned.has(address))).toEqual([])
  expect([...planned].filter((address) => !addresses.includes(address))).toEqual([])
})

/** What a caller without right gets; null for one who may enter. */
function refusal(entry: Entry | undefined, caller: string): string | null {
  if (entry === undefined) return '405 method_not_allowed'
  if (entry === 'open') return null
  if (caller === 'nobody' || caller === 'garbage') return '401 unauthenticated'
  const isSignedIn = caller.endsWith('signed in')
  if (entry === 'device' && isSignedIn) return '401 unauthenticated'
  return mayEnter(entry, caller) ? null : '403 forbidden'
}

function mayEnter(entry: Entry, caller: string): boolean {
  if (entry === 'device' || caller === 'device') return entry === caller
  if (entry === 'person') return caller.endsWith('signed in')
  const ranks = ['viewer', 'operator', 'admin']
  return ranks.indexOf(caller.split(' ')[0] ?? '') >= ranks.indexOf(entry)
}

/** What somebody who may enter can get for a request that asks for nothing sensible. */
const entered = new Set([200, 201, 202, 204, 304, 400, 404, 409, 412, 415, 422, 428])

describe.each(addresses)('%s', (address) => {
  const planned = doors[address] ?? {}
  const load = async () =>
    (await import(join(appDir, ...address.split('/'), 'route.ts'))) as Partial<Record<Verb, Route>>

  test.each(verbs)('%s', async (verb) => {
    const entry = planned[verb]
    const route = (await load())[verb]
    if (!route) throw new Error(`${verb} is not exported: use endpoint() so that it answers 405 as a problem`)
    expect(route.door).toMatchObject(expectedDoor(entry))
    if (entry === 'next-auth') return
    const surprises: string[] = []
    for (const [name, headers] of callers) {
      // Whoever was signed out by the last one comes in again.
      await all.own.db.$executeRaw`UPDATE user_account SET session_version = 1`
      const { status, code, fault } = await knock(route, address, verb, headers)
      const answer = code === null ? String(status) : `${status} ${code}`
      const expected = refusal(entry, name)
      const isExpected = expected === null ? entered.has(status) : answer === expected
      if (fault !== null || !isExpected)
        surprises.push(`${name}: ${answer}, not ${expected ?? 'let in'} ${fault ?? ''}`)
    }
    expect(surprises).toEqual([])
  })
})

test('every address that devices call is answered beside Next', () => {
  const ofDevices = Object.keys(doors).filter((address) => Object.values(doors[address]!).includes('device'))
  expect(Object.keys(deviceRoutes).toSorted()).toEqual([...ofDevices, '/api/v1/enroll'].toSorted())
})

function expectedDoor(entry: Entry | undefined): object {
  switch (entry) {
    case undefined:
      return { kind: 'closed' }
    case 'open':
    case 'next-auth':
      return { kind: 'open' }
    case 'device':
      return { kind: 'device' }
    case 'person':
    case 'viewer':
    case 'operator':
    case 'admin':
      return { kind: 'console', role: entry }
  }
}

async function knock(route: Route, address: string, verb: Verb, headers: Record<string, string>) {
  const id = crypto.randomUUID()
  const path = address.replaceAll(/\[[^\]]+\]/g, id)
  const names = [...address.matchAll(/\[(\.{3})?([^\]]+)\]/g)]
  const params = Object.fromEntries(names.map(([, many, name]) => [name, many ? [id] : id]))
  // Live streams never end by themselves.
  const leaving = new AbortController()
  const sent = request(path, { method: verb, headers, ...(verb === 'GET' ? {} : { body: {} }) })
  const response = await route(new Request(sent, { signal: leaving.signal }), {
    params: Promise.resolve(params),
  })
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
  const text = isStream ? '' : await response.text()
  leaving.abort()
  if (isStream) await response.body?.cancel().catch(() => {})
  const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json')
  const code = isProblem ? (JSON.parse(text) as { code: string }).code : null
  const leaks = /node_modules|prisma|SELECT /i.test(text)
  const fault = leaks || (response.status >= 400 && !isProblem) ? `is no clean problem: ${text}` : null
  return { status: response.status, code, fault }
}
