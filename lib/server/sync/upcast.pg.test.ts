import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { putPolicy, RawDevice } from '../testing/raw-device.ts'
import { serverEngine } from './server-engine.ts'
import { writeRecord } from './write.ts'

let database: TestDatabase
const table = 'visits'
beforeAll(async () => {
  database = await testDatabase()
  await putPolicy(database.db, {
    name: table,
    schema_version: 3,
    schema: {
      required: ['phone'],
      properties: { phone: { type: 'string' }, state: { enum: ['active', 'closed'] } },
    },
    upcasts: { 2: [{ rename: { tel: 'phone' } }, { map: { state: { open: 'active' } } }] },
  })
})
afterAll(() => database.close())

const old = { schema_version: 2 }

test('an older app goes on working: its data is brought up, and it is told what became of it', async () => {
  const scope = randomUUID()
  const [device, other] = [
    await RawDevice.enrol(database.db, [scope]),
    await RawDevice.enrol(database.db, [scope]),
  ]
  const create = device.change({ table, scope, data: { tel: '1', state: 'open' } })
  const { accepted } = await device.sync([create], old)
  expect(accepted).toMatchObject([{ outcome: 'merged', version: 1, data: { phone: '1', state: 'active' } }])
  expect((await other.sync()).server_changes).toMatchObject([
    { data: { phone: '1', state: 'active' }, checksum: accepted[0]?.checksum },
  ])
  // Its next edit, made offline on its own operation, stands on what that became.
  const edit = device.change({
    ...{
      table,
      scope,
      record_id: create.record_id,
      operation: 'UPDATE',
      base_version: 0,
      base_op_id: create.op_id,
    },
    data: { tel: '2', state: 'open' },
  })
  expect((await device.sync([edit], old)).accepted).toMatchObject([{ version: 2, data: { phone: '2' } }])
  const again = device.change({
    ...{ table, scope, record_id: create.record_id, operation: 'UPDATE', base_version: 2 },
    data: { tel: '2', state: 'open' },
  })
  expect((await device.sync([again], old)).accepted).toMatchObject([
    { version: 2, outcome: 'merged', data: { phone: '2' } },
  ])
})

test('an app too old for the upcasts is refused, with what it sent kept as it sent it', async () => {
  const device = await RawDevice.enrol(database.db)
  const { rejected } = await device.sync([device.change({ table, data: { fon: '1' } })], {
    schema_version: 1,
  })
  expect(rejected).toMatchObject([{ code: 'schema_version_unsupported', retryable: false }])
  const [letter] = await database.db.deadLetter.findMany({ where: { deviceId: device.id } })
  expect(letter).toMatchObject({ code: 'schema_version_unsupported', schemaVersion: 1 })
  expect(JSON.parse(letter!.change)).toMatchObject({ data: { fon: '1' } })
})

test('a newer app, and a person, write the schema as it is', async () => {
  const device = await RawDevice.enrol(database.db)
  const data = { phone: '1', tel: 'another thing', state: 'closed' }
  const { accepted } = await device.sync([device.change({ table, data })], { schema_version: 9 })
  expect(accepted).toMatchObject([{ outcome: 'applied', data: null }])
  const written = await writeRecord(
    {
      by: { kind: 'person', id: 'p' },
      change: {
        ...{ op_id: randomUUID(), table, operation: 'CREATE', record_id: randomUUID(), scope: 'default' },
        ...{ base_version: 0, data },
      },
      audit: [],
      traceId: '0'.repeat(32),
    },
    serverEngine(database.db),
  )
  expect(written).toMatchObject({ answer: { outcome: 'applied' }, recordData: data })
})
