import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { personActor, type Role } from '#lib/server/actor.ts'
import { listAudit } from '#lib/server/audit/list.ts'
import { createDatabase, database } from '#lib/server/db.ts'
import { loadPolicies, policyCache } from '#lib/server/tables/policy-cache.ts'
import { ask } from '#lib/server/testing/ask.ts'
import { everybody, type Everybody } from '#lib/server/testing/everybody.ts'
import { GET, PUT } from './[...name]/route.ts'
import { GET as listRoute } from './route.ts'

let callers: Everybody
const call = (role: Role, method: string, path: string, init: { body?: unknown; ifMatch?: string } = {}) => {
  const route = path.startsWith('/api/v1/tables/') ? (method === 'PUT' ? PUT : GET) : listRoute
  return ask(callers, route, { role, method, path, ...init })
}
beforeAll(async () => {
  callers = await everybody()
})
afterAll(() => callers.close())

const admin = personActor({ id: 'a', name: 'admin', role: 'admin', via: 'session' })
const put = (name: string, body: unknown, ifMatch?: string) =>
  call('admin', 'PUT', `/api/v1/tables/${name}`, { body, ...(ifMatch && { ifMatch }) })

const details = {
  schema: { type: 'object', properties: { quantity: { type: 'number' } } },
  rules: ['self.quantity >= 0', { rule: 'size(self.note) < 9', message: 'is too long', field: 'note' }],
  upcasts: { 1: [{ rename: { count: 'quantity' } }, { default: { note: '' } }, { drop: ['old'] }] },
  schema_version: 2,
  fields: { note: { tiebreak: 'lww' }, 'address.zip': { strategy: 'manual' } },
  sets: ['tags'],
}

describe('PUT /tables/{name}', () => {
  test('a first PUT makes the table, with defaults for what it leaves out', async () => {
    const made = await put('inspections', { strategy: 'lww', ...details })
    expect(made).toMatchObject({ status: 201, etag: '"1"' })
    expect(made.body).toMatchObject({
      name: 'inspections',
      version: 1,
      strategy: 'lww',
      priority: 'normal',
      on_delete: null,
    })
    expect((await call('viewer', 'GET', '/api/v1/tables/inspections')).body).toEqual(made.body)
  })

  test('what was read can be written back, and changes nothing', async () => {
    const read = await call('viewer', 'GET', '/api/v1/tables/inspections')
    const again = await put('inspections', read.body, read.etag!)
    expect(again).toEqual(read)
  })

  test('a change makes a version, and the audit has what differs', async () => {
    const changed = await put('inspections', { ...details, strategy: 'merge', tiebreak: 'lww' }, '"1"')
    expect(changed).toMatchObject({ status: 200, etag: '"2"' })
    const { items } = await listAudit(admin, { target: 'table', target_id: 'inspections' })
    expect(items[0]).toMatchObject({
      action: 'table.put',
      before: { strategy: 'lww', tiebreak: 'manual', on_delete: null },
      after: { strategy: 'merge', tiebreak: 'lww', on_delete: 'manual' },
    })
    const { body } = await call('viewer', 'GET', '/api/v1/tables/inspections?include=versions')
    expect(body['versions']).toMatchObject([{ version: 2 }, { version: 1, policy: { strategy: 'lww' } }])
  })

  test('someone else was faster', async () => {
    expect(await put('inspections', { strategy: 'fww' }, '"1"')).toMatchObject({
      status: 412,
      body: { code: 'stale' },
    })
    expect(await put('unheard-of', {}, '"1"')).toMatchObject({ status: 412 })
  })

  test('of many at once with the same ETag, one wins', async () => {
    await put('raced', {})
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, i) => put('raced', { retention_days: 100 + i }, '"1"')),
    )
    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 412, 412, 412, 412, 412])
  })

  test('a schema version that nothing leads up to from the one before is warned of, until there are steps', async () => {
    expect((await put('raised', { schema_version: 1 })).body['warnings']).toEqual([])
    const raised = await put('raised', { schema_version: 2 })
    expect(raised).toMatchObject({
      status: 200,
      body: { warnings: [{ pointer: '/upcasts/1', detail: expect.stringContaining('schema version 1') }] },
    })
    const read = await call('viewer', 'GET', '/api/v1/tables/raised')
    expect(read.body['warnings']).toEqual(raised.body['warnings'])
    expect((await put('raised', { schema_version: 2, upcasts: { 1: [] } })).body['warnings']).toEqual([])
  })

  test('names with slashes, encoded or as they are', async () => {
    expect((await put('brands%2Famenity%2Fcafe', {})).body['name']).toBe('brands/amenity/cafe')
    expect((await call('viewer', 'GET', '/api/v1/tables/brands/amenity/cafe')).status).toBe(200)
    expect((await call('viewer', 'GET', '/api/v1/tables/brands%2Famenity/cafe')).status).toBe(200)
  })

  test.each([
    [{ strategy: 'crtd' }, '/strategy', /must be one of lww/],
    [{ fields: { count: { strategy: 'crdt' } } }, '/fields/count/type', /required/],
    [{ fields: { count: { strategy: 'crdt', type: 'counter' } } }, '/fields/count/type', /pn-counter/],
    [{ fields: { count: { strategy: 'lww', type: 'g-set' } } }, '/fields/count/type', /crdt alone/],
    [{ fields: { 'a..b': { strategy: 'ot' } } }, '/fields/a..b', /dotted path/],
    [{ sets: ['a.'] }, '/sets/0', /dotted path/],
    [
      { fields: { address: { strategy: 'lww' }, 'address.city': { strategy: 'ot' } } },
      '/fields/address.city',
      /never applies/,
    ],
    [
      {
        fields: { at: { strategy: 'ot' } },
        schema: { properties: { at: { type: 'string', format: 'date' } } },
      },
      '/fields/at/strategy',
      /merges text/,
    ],
    [
      { strategy: 'ot', schema: { properties: { n: { type: 'number' } } } },
      '/strategy',
      /no field that is text/,
    ],
    [
      {
        fields: { count: { strategy: 'crdt', type: 'pn-counter' } },
        schema: { properties: { count: { type: 'integer' } } },
      },
      '/fields/count/strategy',
      /is an object/,
    ],
    [{ strategy: 'best' }, '/strategy', /must be one of lww/],
    [{ name: 'other' }, '/name', /as in the address/],
    [{ schema: { type: 'objekt' } }, '/schema/type', /./],
    [{ rules: ['self.quantity >='] }, '/rules/0', /./],
    [{ upcasts: { 1: [{ move: {} }] } }, '/upcasts/1/0', /rename/],
  ])('%j is refused with a pointer', async (body, pointer, detail) => {
    const { status, body: problem } = await put('refused', body)
    expect(status).toBe(422)
    const [error] = problem['errors'] as { pointer: string; detail: string }[]
    expect(error?.pointer).toBe(pointer)
    expect(error?.detail).toMatch(detail)
    expect((await call('viewer', 'GET', '/api/v1/tables/refused')).status).toBe(404)
  })

  test('an operator may read a policy, not write it', async () => {
    expect(await call('operator', 'PUT', '/api/v1/tables/inspections', { body: {} })).toMatchObject({
      status: 403,
    })
    expect(await call('operator', 'GET', '/api/v1/tables/inspections')).toMatchObject({ status: 200 })
  })
})

test('lists every table by name, page by page', async () => {
  const all = await call('viewer', 'GET', '/api/v1/tables')
  const names = (all.body['items'] as { name: string }[]).map(({ name }) => name)
  expect(names).toEqual([...names].sort())
  const seen: string[] = []
  for (let cursor: string | null = ''; cursor !== null;) {
    const page = await call('viewer', 'GET', `/api/v1/tables?limit=1${cursor ? `&cursor=${cursor}` : ''}`)
    expect(page.body['total']).toBe(names.length)
    seen.push(...(page.body['items'] as { name: string }[]).map(({ name }) => name))
    cursor = page.body['next_cursor'] as string | null
  }
  expect(seen).toEqual(names)
})

test('a change takes effect at once in every process; an unchanged policy is compiled once', async () => {
  await put('shared', { rules: ['self.n > 0'] })
  const other = createDatabase(callers.own.url)
  const [here, there] = [database(), other]
  const before = (await loadPolicies(there, ['shared', 'absent'])).get('shared')
  expect(before).toMatchObject({ version: 1, compiledRules: [{}] })
  expect((await loadPolicies(there, ['shared'])).get('shared')).toBe(before)
  await loadPolicies(here, ['shared'])
  await put('shared', { rules: [] })
  expect(policyCache(there).get('shared', 2)).toBeNull()
  expect((await loadPolicies(there, ['shared'])).get('shared')).toMatchObject({
    version: 2,
    compiledRules: [],
  })
  expect((await loadPolicies(here, ['shared'])).get('shared')?.version).toBe(2)
  await other.$disconnect()
})
