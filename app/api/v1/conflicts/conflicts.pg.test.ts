import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { JsonObject } from '#lib/core/json.ts'
import type { ConflictDetail, ConflictItem } from '#lib/protocol/console.ts'
import { personActor, type Role } from '#lib/server/actor.ts'
import { listAudit } from '#lib/server/audit/list.ts'
import type { Page } from '#lib/server/list/page.ts'
import { ask } from '#lib/server/testing/ask.ts'
import { everybody, type Everybody } from '#lib/server/testing/everybody.ts'
import { putPolicy, RawDevice } from '#lib/server/testing/raw-device.ts'
import { POST as resolveRoute } from './[id]/resolve/route.ts'
import { GET as getRoute } from './[id]/route.ts'
import { POST as undoRoute } from './[id]/undo/route.ts'
import { GET as listRoute } from './route.ts'

let callers: Everybody
const admin = personActor({ id: 'a', name: 'admin', role: 'admin', via: 'session' })
const table = 'sites'

beforeAll(async () => {
  callers = await everybody()
  await putPolicy(callers.own.db, {
    name: table,
    strategy: 'merge',
    fields: { tags: { strategy: 'crdt', type: 'g-set' }, remark: { strategy: 'ot' } },
    schema: { properties: { phone: { type: 'string', maxLength: 5 } } },
    rules: [{ rule: 'self.phone != "bad"', message: 'must not be bad', field: 'phone' }],
  })
})
afterAll(() => callers.close())

const get = (id: string, role: Role = 'viewer') =>
  ask<ConflictDetail>(callers, getRoute, { role, path: `/api/v1/conflicts/${id}`, params: { id } })
const list = async (query: string) =>
  (await ask<Page<ConflictItem>>(callers, listRoute, { role: 'viewer', path: `/api/v1/conflicts?${query}` }))
    .body
const resolve = (id: string, ifMatch: string | undefined, body: unknown, role: Role = 'admin') =>
  ask<ConflictDetail & { code: string; errors: unknown; current: ConflictDetail }>(callers, resolveRoute, {
    ...{ role, method: 'POST', path: `/api/v1/conflicts/${id}/resolve`, params: { id }, body },
    ...(ifMatch !== undefined && { ifMatch }),
  })
const undo = (id: string, ifMatch: string, reason = 'a slip') =>
  ask<ConflictDetail & { code: string }>(callers, undoRoute, {
    ...{ role: 'admin', method: 'POST', path: `/api/v1/conflicts/${id}/undo`, params: { id } },
    ...{ ifMatch, body: { reason } },
  })

/** Two devices edit one record apart; the second one ends in conflict. */
async function makeConflict(
  states: { base?: JsonObject; server?: JsonObject | null; client?: JsonObject | null; scope?: string } = {},
) {
  const scope = states.scope ?? randomUUID()
  const base = states.base ?? { name: 'Old', phone: '1', city: 'X' }
  const server = states.server === undefined ? { ...base, name: 'Server', city: 'Y' } : states.server
  const client = states.client === undefined ? { ...base, name: 'Device', phone: '2' } : states.client
  const [one, two] = [
    await RawDevice.enrol(callers.own.db, [scope]),
    await RawDevice.enrol(callers.own.db, [scope]),
  ]
  const record_id = randomUUID()
  const key = { table, scope, record_id }
  await one.sync([one.change({ ...key, data: base })])
  await two.sync()
  const edit = (data: JsonObject | null) =>
    ({ ...key, base_version: 1, operation: data === null ? 'DELETE' : 'UPDATE', data }) as const
  await one.sync([one.change(edit(server))])
  const reply = await two.sync([two.change(edit(client))])
  const [conflict] = reply.conflicts
  return { id: conflict!.conflict_id!, one, two, key, scope, record_id }
}

describe('GET', () => {
  test('shows the three states, field by field, and what merges by itself', async () => {
    const { id, two } = await makeConflict()
    const { status, etag, body } = await get(id)
    expect(status).toBe(200)
    expect(etag).toBe('"1.2"')
    expect(body).toMatchObject({
      ...{ id, state: 'open', code: 'manual', fields: ['name'], device_id: two.id, device_name: 'raw' },
      base: { version: 1, data: { name: 'Old' } },
      client: { data: { name: 'Device', phone: '2' } },
      server: { version: 2, data: { name: 'Server', city: 'Y' } },
      current: { version: 2, moved: false, by: { kind: 'device', name: 'raw' } },
      suggestion: { data: { name: 'Server', phone: '2', city: 'Y' }, clashes: ['name'] },
      resolution: null,
    })
    expect(body.field_views.map(({ path, kind }) => `${path} ${kind}`).toSorted()).toEqual([
      'city server',
      'name clash',
      'phone client',
    ])
  })

  test('follows the record when it moves on', async () => {
    const { id, one, key } = await makeConflict()
    await one.sync([
      one.change({ ...key, operation: 'UPDATE', base_version: 2, data: { name: 'Again', phone: '1' } }),
    ])
    const { etag, body } = await get(id)
    expect(etag).toBe('"1.3"')
    expect(body.current).toMatchObject({ version: 3, moved: true, data: { name: 'Again' } })
    expect(body.suggestion?.data).toEqual({ name: 'Again', phone: '2' })
  })

  test('CRDTs and texts are no clash: it shows what both come to, and that is what is written', async () => {
    const set = (...items: string[]) => ({ $crdt: 'g-set', items })
    const base = { name: 'Old', phone: '1', tags: set('a'), remark: 'a pump' }
    const { id } = await makeConflict({
      base,
      server: { name: 'Server', phone: '1', tags: set('a', 'c'), remark: 'a pump leaks' },
      client: { name: 'Device', phone: '1', tags: set('a', 'b'), remark: 'a red pump' },
    })
    const { etag, body } = await get(id)
    const views = Object.fromEntries(body.field_views.map(({ path, kind, merged }) => [path, [kind, merged]]))
    expect(views).toEqual({
      name: ['clash', undefined],
      phone: ['unchanged', undefined],
      tags: ['joined', set('a', 'b', 'c')],
      remark: ['merged', 'a red pump leaks'],
    })
    const data = { name: 'Server', phone: '1', tags: set('a', 'b', 'c'), remark: 'a red pump leaks' }
    expect(body.suggestion).toEqual({ data, clashes: ['name'] })
    expect((await resolve(id, etag!, { choice: 'merged', data })).body.current.data).toEqual(data)
  })

  test('what is not there is not found', async () => {
    expect((await get(randomUUID())).status).toBe(404)
    expect((await get('1; drop table conflict')).status).toBe(404)
  })
})

test('lists by filter, in pages that neither skip nor repeat, with exact totals', async () => {
  const scope = randomUUID()
  const made: string[] = []
  for (let i = 0; i < 5; i++) made.push((await makeConflict({ scope })).id)
  const { etag } = await get(made[0]!)
  await resolve(made[0]!, etag!, { choice: 'server' })

  const seen: string[] = []
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: Page<ConflictItem> = await list(`scope=${scope}&limit=2${cursor && `&cursor=${cursor}`}`)
    expect(page.total).toBe(5)
    seen.push(...page.items.map(({ id }) => id))
    cursor = page.next_cursor
  }
  expect(seen).toEqual(made.toReversed())
  expect((await list(`scope=${scope}&sort=created_at&limit=1`)).items[0]?.id).toBe(made[0])
  expect(await list(`scope=${scope}&state=resolved`)).toMatchObject({
    total: 1,
    items: [{ id: made[0], choice: 'server' }],
  })
  expect((await list(`scope=${scope}&state=open&table=${table}&field=name`)).total).toBe(4)
  expect((await list(`scope=${scope}&field=phone`)).total).toBe(0)
  expect((await list(`device_id=${randomUUID()}`)).total).toBe(0)
})

/** What the record of a sync notes once a device has sent back the token of its scope's head. */
const confirm = (device: RawDevice, scope: string) =>
  callers.own.db.$executeRaw`
    INSERT INTO device_health (device_id, acknowledged)
    SELECT ${device.id}::uuid, jsonb_build_object(scope, seq) FROM feed_head WHERE scope = ${scope}`

describe('resolve', () => {
  test.each([
    ['client', undefined, { name: 'Device', phone: '2', city: 'X' }],
    ['server', undefined, { name: 'Server', phone: '1', city: 'Y' }],
    ['merged', { name: 'Both', phone: '3' }, { name: 'Both', phone: '3' }],
  ] as const)('%s becomes the next version and reaches both devices', async (choice, data, result) => {
    const { id, one, two, record_id } = await makeConflict()
    const { etag } = await get(id)
    const { status, body } = await resolve(id, etag!, { choice, data, reason: 'looked it up' })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      ...{ state: 'resolved', choice, reason: 'looked it up', resolved_by: 'key of admin', version: 2 },
      current: { version: 3, data: result, by: { kind: 'person', name: 'key of admin' } },
      resolution: { version: 3, data: result, can_undo: true, reached: { confirmed: 0, sender: false } },
    })
    for (const device of [one, two]) {
      const { server_changes } = await device.sync()
      expect(server_changes.findLast((change) => change.record_id === record_id)).toMatchObject({
        ...{ operation: 'UPSERT', version: 3, data: result, conflict_id: id, by: { kind: 'person' } },
      })
    }
    const reached = async () => (await get(id)).body.resolution?.reached
    await confirm(one, body.scope)
    expect(await reached()).toEqual({ devices: 2, confirmed: 1, sender: false })
    await confirm(two, body.scope)
    expect(await reached()).toEqual({ devices: 2, confirmed: 2, sender: true })
    const { items } = await listAudit(admin, { target: 'conflict', target_id: id })
    expect(items).toMatchObject([{ action: 'conflict.resolve', reason: 'looked it up', after: { choice } }])
  })

  test('the device’s delete, once chosen, deletes', async () => {
    const { id, one, record_id } = await makeConflict({ client: null })
    const { etag, body } = await get(id)
    expect(body).toMatchObject({
      operation: 'DELETE',
      field_views: [{ path: '', kind: 'clash' }],
      suggestion: null,
    })
    await resolve(id, etag!, { choice: 'client' })
    const { server_changes } = await one.sync()
    expect(server_changes.at(-1)).toMatchObject({
      record_id,
      operation: 'DELETE',
      version: 3,
      conflict_id: id,
    })
  })

  test('the device’s edit of a deleted record, once chosen, brings it back', async () => {
    const { id, one, record_id } = await makeConflict({ server: null })
    const { etag } = await get(id)
    expect((await resolve(id, etag!, { choice: 'client' })).status).toBe(200)
    const { server_changes } = await one.sync()
    expect(server_changes.at(-1)).toMatchObject({
      record_id,
      operation: 'UPSERT',
      version: 3,
      data: { name: 'Device' },
    })
  })

  test('someone was faster: 412 with what is true now, and nothing written', async () => {
    const { id, one, key } = await makeConflict()
    const { etag } = await get(id)
    await one.sync([
      one.change({ ...key, operation: 'UPDATE', base_version: 2, data: { name: 'Faster', phone: '1' } }),
    ])
    const { status, body } = await resolve(id, etag!, { choice: 'client' })
    expect(status).toBe(412)
    expect(body).toMatchObject({
      code: 'stale',
      current: { id, etag: '"1.3"', current: { data: { name: 'Faster' } } },
    })
    expect((await get(id)).body).toMatchObject({ state: 'open', current: { version: 3 } })
    expect((await listAudit(admin, { target: 'conflict', target_id: id })).total).toBe(0)
  })

  test('of many at once, one wins and the others learn of it', async () => {
    const { id } = await makeConflict()
    const { etag } = await get(id)
    const answers = await Promise.all(
      Array.from({ length: 5 }, (_, i) =>
        resolve(id, etag!, { choice: 'merged', data: { name: `${i}`, phone: '1' } }),
      ),
    )
    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 412, 412, 412, 412])
    expect((await get(id)).body.current.version).toBe(3)
    expect((await listAudit(admin, { target: 'conflict', target_id: id })).total).toBe(1)
  })

  test.each([
    [{ phone: 'too long' }, '/data/phone', /fewer|more than 5/],
    [{ phone: 'bad' }, '/data/phone', /must not be bad/],
  ])('%j is refused with a pointer, and the conflict stays open', async (data, pointer, detail) => {
    const { id } = await makeConflict()
    const { etag } = await get(id)
    const { status, body } = await resolve(id, etag!, { choice: 'merged', data })
    expect(status).toBe(422)
    expect(body.errors).toEqual([{ pointer, detail: expect.stringMatching(detail) }])
    expect((await get(id)).body).toMatchObject({ state: 'open', version: 1, current: { version: 2 } })
    expect((await listAudit(admin, { target: 'conflict', target_id: id })).total).toBe(0)
  })

  test('needs If-Match, data for a merge, and an admin', async () => {
    const { id } = await makeConflict()
    const { etag } = await get(id)
    expect((await resolve(id, undefined, { choice: 'client' })).status).toBe(428)
    expect((await resolve(id, '"nonsense"', { choice: 'client' })).status).toBe(412)
    expect((await resolve(id, etag!, { choice: 'merged' })).status).toBe(422)
    expect((await resolve(id, etag!, { choice: 'client' }, 'operator')).status).toBe(403)
    expect((await resolve(id, etag!, { choice: 'client' })).status).toBe(200)
    const settled = await get(id)
    expect(await resolve(id, settled.etag!, { choice: 'server' })).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    })
  })
})

describe('undo', () => {
  test('restores what was before as a new version, and the conflict waits again', async () => {
    const { id, one, record_id } = await makeConflict()
    await resolve(id, (await get(id)).etag!, { choice: 'client' })
    const { etag } = await get(id)
    const { status, body } = await undo(id, etag!)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      ...{ state: 'open', choice: null, resolved_by: null, resolution: null, version: 3 },
      current: { version: 4, data: { name: 'Server' } },
    })
    const { server_changes } = await one.sync()
    expect(server_changes.at(-1)).toMatchObject({ record_id, version: 4, data: { name: 'Server' } })
    const { items } = await listAudit(admin, { target: 'conflict', target_id: id })
    expect(items[0]).toMatchObject({ action: 'conflict.undo', reason: 'a slip' })
    expect((await resolve(id, body.etag, { choice: 'client' })).body.current.version).toBe(5)
  })

  test('restores a record that the resolution deleted', async () => {
    const { id } = await makeConflict({ client: null })
    await resolve(id, (await get(id)).etag!, { choice: 'client' })
    const { body } = await undo(id, (await get(id)).etag!)
    expect(body.current).toMatchObject({ version: 4, data: { name: 'Server' } })
  })

  test('not once the record moved on, nor while the conflict is open', async () => {
    const { id, one, key } = await makeConflict()
    const open = await get(id)
    expect(await undo(id, open.etag!)).toMatchObject({ status: 409 })
    await resolve(id, open.etag!, { choice: 'client' })
    const seen = await get(id)
    await one.sync([
      one.change({ ...key, operation: 'UPDATE', base_version: 3, data: { name: 'Later', phone: '1' } }),
    ])
    expect((await undo(id, seen.etag!)).status).toBe(412)
    const moved = await get(id)
    expect(moved.body.resolution?.can_undo).toBe(false)
    expect((await undo(id, moved.etag!)).status).toBe(409)
  })
})
