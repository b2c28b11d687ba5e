import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { JsonObject } from '#lib/core/json.ts'
import type { UpcastStep } from '#lib/core/policy.ts'
import { systemActor } from '#lib/server/actor.ts'
import { replayDeadLetter } from '#lib/server/dead-letters/replay.ts'
import { getDevice } from '#lib/server/devices/get.ts'
import { putTable } from '#lib/server/tables/put.ts'
import { readPolicy } from '#lib/server/tables/read-policy.ts'
import { testDatabase, type TestDatabase } from '#lib/server/testing/database.ts'
import { request } from '#lib/server/testing/everybody.ts'
import { RawDevice } from '#lib/server/testing/raw-device.ts'
import { POST } from './route.ts'

const text = { type: 'string' }
const traceId = '0'.repeat(32)
const admin = systemActor('test')

let own: TestDatabase
beforeAll(async () => {
  own = await testDatabase()
  process.env['DATABASE_URL'] = own.url
})
afterAll(() => own.close())

let table: string
beforeEach(() => {
  table = `t-${randomUUID()}`
})

/** The next policy of the table, as the console writes it. */
function policy(
  schema_version: number,
  properties: JsonObject,
  upcasts: { [from: string]: UpcastStep[] } = {},
) {
  const body: Record<string, unknown> = { schema: { type: 'object', properties }, schema_version, upcasts }
  return putTable(admin, { policy: readPolicy(table, () => body), version: null, traceId })
}

const v1 = { name: text, tel: text, place: { type: 'object', properties: { city: text } } }
const v2 = { name: text, phone: text, place: { type: 'object', properties: { city: text, country: text } } }
const v3 = { ...v2, status: text }
const upcasts = { 1: [{ rename: { tel: 'phone' } }], 2: [{ default: { status: 'open' } }] }

async function threeVersions() {
  await policy(1, v1)
  await policy(2, v2, upcasts)
  await policy(3, v3, upcasts)
}
const device = () => RawDevice.enrol(own.db)
const stateOf = async (id: string) => (await own.db.record.findFirst({ where: { id } }))?.data
const says = (version: number) => ({ schema_version: version })

test('what newer apps put where an older one does not look survives its full state, two versions back', async () => {
  await threeVersions()
  const [young, old, older] = [await device(), await device(), await device()]
  const made = young.change({
    table,
    data: { name: 'A', phone: '1', status: 'closed', place: { city: 'X', country: 'Y' } },
  })
  await young.sync([made], says(3))
  const edit = (of: RawDevice, base_version: number, data: JsonObject) =>
    of.change({ table, record_id: made.record_id, operation: 'UPDATE', base_version, data })

  const { accepted } = await older.sync(
    [edit(older, 1, { name: 'B', tel: '1', place: { city: 'Z' } })],
    says(1),
  )
  expect(accepted).toMatchObject([{ outcome: 'merged', version: 2 }])
  expect(await stateOf(made.record_id)).toEqual({
    ...{ name: 'B', phone: '1', status: 'closed', place: { city: 'Z', country: 'Y' } },
  })
  // One version back the country is known: left out, it was removed.
  await old.sync([edit(old, 2, { name: 'B', phone: '1', place: { city: 'Z' } })], says(2))
  expect(await stateOf(made.record_id)).toEqual({
    name: 'B',
    phone: '1',
    status: 'closed',
    place: { city: 'Z' },
  })
  // A known field is removed by leaving it out, at any age.
  await older.sync([edit(older, 3, { name: 'B' })], says(1))
  expect(await stateOf(made.record_id)).toEqual({ name: 'B', status: 'closed' })
})

test('an edit of an older app beside one of a newer: both are kept, and neither is asked', async () => {
  await threeVersions()
  const [young, older] = [await device(), await device()]
  const made = young.change({ table, data: { name: 'A', status: 'open' } })
  await young.sync([made], says(3))
  const on = { table, record_id: made.record_id, operation: 'UPDATE' as const, base_version: 1 }
  await young.sync([young.change({ ...on, data: { name: 'A', status: 'closed' } })], says(3))
  const reply = await older.sync([older.change({ ...on, data: { name: 'B' } })], says(1))
  expect(reply.accepted).toMatchObject([{ outcome: 'merged', data: { name: 'B', status: 'closed' } }])
  // Offline on its own operation, twice: no conflict with itself, nothing lost.
  const first = older.change({ ...on, base_version: 3, data: { name: 'C' } })
  const second = older.change({
    ...on,
    base_version: 3,
    base_op_id: first.op_id,
    data: { name: 'D', tel: '1' },
  })
  expect((await older.sync([first, second], says(1))).accepted).toHaveLength(2)
  expect(await stateOf(made.record_id)).toEqual({ name: 'D', phone: '1', status: 'closed' })
})

test('a table whose older schema nobody kept: what was added since survives all the same', async () => {
  await policy(2, { name: text, status: text }, { 1: [{ default: { status: 'open' } }] })
  const [young, older] = [await device(), await device()]
  const made = young.change({ table, data: { name: 'A', status: 'closed' } })
  await young.sync([made], says(2))
  await older.sync(
    [
      older.change({
        table,
        record_id: made.record_id,
        operation: 'UPDATE',
        base_version: 1,
        data: { name: 'B' },
      }),
    ],
    says(1),
  )
  expect(await stateOf(made.record_id)).toEqual({ name: 'B', status: 'closed' })
})

test('too old for the upcasts: a dead letter, which replays once an upcast is added', async () => {
  await policy(1, v1)
  await policy(2, v2)
  const older = await device()
  const change = older.change({ table, data: { name: 'A', tel: '1' } })
  const { rejected } = await older.sync([change], says(1))
  expect(rejected).toMatchObject([{ code: 'schema_version_unsupported', retryable: false }])
  const id = rejected[0]!.dead_letter_id!
  const replay = () =>
    replayDeadLetter(admin, { id, dryRun: false, change: undefined, version: null, reason: '', traceId })
  await expect(replay()).resolves.toMatchObject({
    ...{ kind: 'rejected', code: 'schema_version_unsupported' },
  })
  await policy(2, v2, { 1: [{ rename: { tel: 'phone' } }] })
  await replay()
  expect(await stateOf(change.record_id)).toEqual({ name: 'A', phone: '1' })
})

test('newer than the server: a number declared for the table waits for it, the app’s own number does not', async () => {
  await policy(1, v1)
  const young = await device()
  const change = young.change({ table, data: { name: 'A', novelty: '1' } })
  const { rejected } = await young.sync([change], { schema_version: 7, schema_versions: { [table]: 2 } })
  expect(rejected).toMatchObject([{ code: 'schema_version_unsupported', retryable: false }])
  const id = rejected[0]!.dead_letter_id!
  const replay = () =>
    replayDeadLetter(admin, { id, dryRun: false, change: undefined, version: null, reason: '', traceId })
  await expect(replay()).resolves.toMatchObject({
    ...{ kind: 'rejected', code: 'schema_version_unsupported' },
  })
  expect(await stateOf(change.record_id)).toBeUndefined()
  await policy(2, { ...v1, novelty: text }, { 1: [] })
  await replay()
  expect(await stateOf(change.record_id)).toEqual({ name: 'A', novelty: '1' })

  const app = await device()
  const sent = app.change({ table, data: { name: 'B' } })
  expect((await app.sync([sent], says(7))).accepted).toMatchObject([{ outcome: 'applied' }])
})

test('which device has which schemas can be seen', async () => {
  await threeVersions()
  const raw = await device()
  const ask = async (more: Record<string, unknown>) => {
    const headers = { authorization: `Bearer ${raw.token}` }
    const sent = request('/api/v1/sync', { method: 'POST', headers, body: raw.envelope([], more) })
    expect((await POST(sent, { params: Promise.resolve({}) })).status).toBe(200)
    const { schema_version, schemas } = await getDevice(admin, raw.id)
    return { schema_version, of: schemas.find((schema) => schema.table === table) }
  }
  const of = (version: number, state: string) => ({ table, version, server_version: 3, state })
  expect(await ask(says(3))).toEqual({ schema_version: 3, of: undefined })
  expect(await ask(says(1))).toEqual({ schema_version: 1, of: of(1, 'brought_up') })
  expect(await ask(says(5))).toEqual({ schema_version: 5, of: of(5, 'ahead') })
  expect(await ask({ schema_version: 5, schema_versions: { [table]: 4 } })).toEqual({
    ...{ schema_version: 5, of: of(4, 'unsupported') },
  })
  expect(await ask({ schema_version: 5, schema_versions: { [table]: 3 } })).toEqual({
    schema_version: 5,
    of: undefined,
  })
})
