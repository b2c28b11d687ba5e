import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RecordState, RecordVersion } from '#lib/protocol/console.ts'
import { personActor, type Role } from '#lib/server/actor.ts'
import { listAudit } from '#lib/server/audit/list.ts'
import type { Page } from '#lib/server/list/page.ts'
import { ask } from '#lib/server/testing/ask.ts'
import { everybody, type Everybody } from '#lib/server/testing/everybody.ts'
import { putPolicy, RawDevice } from '#lib/server/testing/raw-device.ts'
import { DELETE, GET, PUT } from './[...path]/route.ts'
import { GET as listRoute } from './route.ts'

let callers: Everybody
const admin = personActor({ id: 'a', name: 'admin', role: 'admin', via: 'session' })
const table = 'brands/amenity/cafe'

beforeAll(async () => {
  callers = await everybody()
  await putPolicy(callers.own.db, {
    name: table,
    strategy: 'merge',
    tiebreak: 'lww',
    rules: [{ rule: 'size(self.name) > 0', message: 'must not be empty', field: 'name' }],
  })
})
afterAll(() => callers.close())

const device = (scopes: string[]) => RawDevice.enrol(callers.own.db, scopes)
type Sent = { body?: unknown; ifMatch?: string; role?: Role }
const send = (route: typeof GET, method: string, path: string, { role = 'admin', ...more }: Sent = {}) =>
  ask<RecordState & { code: string; errors: unknown; current: RecordState }>(callers, route, {
    ...{ role, method, path: `/api/v1/records/${path}`, ...more },
  })
const get = (path: string) => send(GET, 'GET', path, { role: 'viewer' })
const put = (path: string, data: unknown, more: Sent = {}) =>
  send(PUT, 'PUT', path, { body: { data }, ...more })
const remove = (path: string, more: Sent = {}) =>
  send(DELETE, 'DELETE', path, { body: { reason: 'gone' }, ...more })
const history = async (path: string) =>
  (await ask<Page<RecordVersion>>(callers, GET, { role: 'viewer', path: `/api/v1/records/${path}` })).body

describe('GET', () => {
  test('by table and id, slashes encoded or not; the ETag is the version', async () => {
    const writer = await device([randomUUID()])
    const change = writer.change({ table, scope: writer.scopes[0]!, data: { name: 'Blue' } })
    await writer.sync([change])
    const plain = await get(`${table}/${change.record_id}`)
    expect(plain).toMatchObject({
      ...{ status: 200, etag: '"1"' },
      body: {
        record_id: change.record_id,
        table,
        version: 1,
        data: { name: 'Blue' },
        deleted: false,
        scope: change.scope,
      },
    })
    expect(await get(`${encodeURIComponent(table)}/${change.record_id}`)).toEqual(plain)
    expect((await get(`${table}/${randomUUID()}`)).status).toBe(404)
    expect((await get(`${table}/nonsense`)).status).toBe(404)
    expect((await get(`%ff/${change.record_id}`)).status).toBe(404)
  })

  test('an id in two scopes needs ?scope=', async () => {
    const writer = await device([randomUUID(), randomUUID()])
    const record_id = randomUUID()
    const [one, two] = writer.scopes
    await writer.sync([
      writer.change({ table, record_id, scope: one!, data: { name: 'One' } }),
      writer.change({ table, record_id, scope: two!, data: { name: 'Two' } }),
    ])
    expect(await get(`${table}/${record_id}`)).toMatchObject({ status: 409, body: { code: 'ambiguous' } })
    expect((await get(`${table}/${record_id}?scope=${two}`)).body.data).toEqual({ name: 'Two' })
  })
})

describe('PUT and DELETE', () => {
  test('a person makes, edits and deletes a record, and every device sees it', async () => {
    const reader = await device([randomUUID()])
    const [scope] = reader.scopes
    const path = `${table}/${randomUUID()}?scope=${scope}`
    const made = await put(path, { name: 'New' })
    expect(made).toMatchObject({ status: 201, etag: '"1"', body: { version: 1, scope } })
    const edited = await put(path, { name: 'Newer' }, { ifMatch: made.etag! })
    expect(edited).toMatchObject({ status: 200, etag: '"2"', body: { data: { name: 'Newer' } } })
    expect(await put(path, { name: 'Newer' }, { ifMatch: '"2"' })).toEqual(edited)
    const gone = await remove(path, { ifMatch: '"2"' })
    expect(gone).toMatchObject({ status: 200, etag: '"3"', body: { deleted: true, data: null } })
    expect((await remove(path, { ifMatch: '"3"' })).status).toBe(404)
    const back = await put(path, { name: 'Back' }, { ifMatch: '"3"' })
    expect(back).toMatchObject({ status: 201, etag: '"4"', body: { deleted: false } })

    const { server_changes } = await reader.sync()
    expect(server_changes.map(({ operation, version, by }) => [operation, version, by.kind])).toEqual([
      ['UPSERT', 1, 'person'],
      ['UPSERT', 2, 'person'],
      ['DELETE', 3, 'person'],
      ['UPSERT', 4, 'person'],
    ])
    const { items } = await listAudit(admin, { target: 'record', target_id: path.split('?')[0] })
    expect(items.map(({ action }) => action)).toEqual([
      'record.put',
      'record.delete',
      'record.put',
      'record.put',
    ])
    expect(items[1]).toMatchObject({ reason: 'gone', before: { version: 2, data: { name: 'Newer' } } })
  })

  test('someone was faster: 412 with the record as it is now', async () => {
    const path = `${table}/${randomUUID()}`
    await put(path, { name: 'a' })
    await put(path, { name: 'b' }, { ifMatch: '"1"' })
    const { status, body } = await put(path, { name: 'c' }, { ifMatch: '"1"' })
    expect(status).toBe(412)
    expect(body).toMatchObject({ code: 'stale', current: { version: 2, data: { name: 'b' } } })
    expect((await remove(path, { ifMatch: '"1"' })).status).toBe(412)
    const answers = await Promise.all(
      ['d', 'e', 'f', 'g'].map((name) => put(path, { name }, { ifMatch: '"2"' })),
    )
    expect(answers.map(({ status: each }) => each).toSorted((a, b) => a - b)).toEqual([200, 412, 412, 412])
  })

  test('needs If-Match where the record exists, an admin, and a state that schema and rules take', async () => {
    const path = `${table}/${randomUUID()}`
    await put(path, { name: 'a' })
    expect((await put(path, { name: 'b' })).status).toBe(428)
    expect((await remove(path)).status).toBe(428)
    expect((await put(path, { name: 'b' }, { ifMatch: '"1"', role: 'operator' })).status).toBe(403)
    expect((await put(path, 'text', { ifMatch: '"1"' })).status).toBe(422)
    const { status, body } = await put(path, { name: '' }, { ifMatch: '"1"' })
    expect([status, body.errors]).toEqual([422, [{ pointer: '/data/name', detail: 'must not be empty' }]])
    expect(await put(`nowhere/${randomUUID()}`, {})).toMatchObject({ status: 422 })
    expect((await get(path)).body.version).toBe(1)
  })
})

test('the history tells who, which operation, which rule, and what was lost', async () => {
  const [one, two] = [await device([randomUUID()]), await device([])]
  two.scopes = one.scopes
  const key = { table, scope: one.scopes[0]!, record_id: randomUUID() }
  await one.sync([one.change({ ...key, data: { name: 'A', phone: '1' } })])
  const edit = { ...key, operation: 'UPDATE', base_version: 1 } as const
  await one.sync([one.change({ ...edit, data: { name: 'B', phone: '1' } })])
  const merging = two.change({ ...edit, data: { name: 'C', phone: '2' } })
  await two.sync([merging])
  const path = `${table}/${key.record_id}`
  await put(path, { name: 'D', phone: '2' }, { ifMatch: '"3"' })

  const { items, total } = await history(`${path}/history`)
  expect(total).toBe(4)
  expect(items).toMatchObject([
    {
      version: 4,
      by: { kind: 'person', name: 'key of admin' },
      changes: [{ path: 'name', before: 'C', after: 'D' }],
    },
    {
      ...{ version: 3, before_version: 2, outcome: 'applied', op_id: merging.op_id },
      by: { kind: 'device', id: two.id, name: 'raw' },
      rule: { strategy: 'merge' },
      lost: [{ path: 'name', value: 'B', from: 'server' }],
    },
    { version: 2, changes: [{ path: 'name', before: 'A', after: 'B' }], lost: [] },
    {
      version: 1,
      operation: 'CREATE',
      changes: [
        { path: 'name', after: 'A' },
        { path: 'phone', after: '1' },
      ],
    },
  ])
  expect(items[1]?.changes.map((change) => change.path)).toEqual(['name', 'phone'])

  const seen: number[] = []
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: Page<RecordVersion> = await history(`${path}/history?limit=1${cursor && `&cursor=${cursor}`}`)
    seen.push(...page.items.map(({ version }) => version))
    cursor = page.next_cursor
  }
  expect(seen).toEqual([4, 3, 2, 1])
})

test('an edit that was superseded or ended in conflict is in the history, with what it said', async () => {
  await putPolicy(callers.own.db, { name: 'latest', strategy: 'lww' })
  const [one, two] = [await device([randomUUID()]), await device([])]
  two.scopes = one.scopes
  const key = { table: 'latest', scope: one.scopes[0]!, record_id: randomUUID() }
  await one.sync([one.change({ ...key, data: { name: 'A' } })])
  const edit = { ...key, operation: 'UPDATE', base_version: 1 } as const
  const early = two.change({ ...edit, data: { name: 'early' } })
  await one.sync([one.change({ ...edit, data: { name: 'late' } })])
  await two.sync([early])
  const { items } = await history(`latest/${key.record_id}/history`)
  expect(items).toMatchObject([
    {
      effect: 'NONE',
      outcome: 'superseded',
      version: 2,
      lost: [{ path: '', value: { name: 'early' }, from: 'client' }],
    },
    { version: 2, data: { name: 'late' } },
    { version: 1 },
  ])
})

test('lists records by table and scope, page by page, without the deleted unless asked', async () => {
  const writer = await device([randomUUID()])
  const [scope] = writer.scopes
  const changes = ['x', 'y', 'z'].map((name) => writer.change({ table, scope: scope!, data: { name } }))
  await writer.sync(changes)
  await remove(`${table}/${changes[0]!.record_id}`, { ifMatch: '"1"' })
  const list = async (query: string) =>
    (await ask<Page<RecordState>>(callers, listRoute, { role: 'viewer', path: `/api/v1/records?${query}` }))
      .body
  const seen: string[] = []
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: Page<RecordState> = await list(
      `scope=${scope}&table=${table}&limit=1${cursor && `&cursor=${cursor}`}`,
    )
    expect(page.total).toBe(2)
    seen.push(...page.items.map(({ record_id }) => record_id))
    cursor = page.next_cursor
  }
  expect(seen).toEqual(
    changes
      .slice(1)
      .map(({ record_id }) => record_id)
      .toSorted(),
  )
  expect((await list(`scope=${scope}&deleted=include`)).total).toBe(3)
})
