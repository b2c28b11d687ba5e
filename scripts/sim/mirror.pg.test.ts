import { afterAll, beforeAll, expect, test } from 'vitest'
import { keyOf } from '#lib/sim/model/tables.ts'
import { ModelDatabase } from '#lib/sim/model/model-database.ts'
import { testDatabase, type TestDatabase } from '#lib/server/testing/database.ts'
import { putPolicy, RawDevice } from '#lib/server/testing/raw-device.ts'
import { Mirror } from './mirror.ts'
import { instruments } from './mirror-rows.ts'
import { withClient } from './stack.ts'

let own: TestDatabase
let device: RawDevice
beforeAll(async () => {
  own = await testDatabase()
  await asOwner(instruments.join(';'))
  await putPolicy(own.db, { name: 'things' })
  device = await RawDevice.enrol(own.db)
})
afterAll(() => own.close())

/** The application's role may not touch the log. */
const asOwner = (text: string) => withClient(own.url, (client) => client.query(text))

/** A mirror of one's own, with what arrives in it told. */
function mirrorOf() {
  const database = new ModelDatabase('')
  const told: string[] = []
  database.onCommit = ({ writes }) => {
    for (const change of writes.changes.values()) told.push(change!.op_id)
  }
  return { database, told, mirror: new Mirror(own.url, database) }
}

test('what is committed arrives once, as it stands in the log and in the tables', async () => {
  const { mirror, database, told } = mirrorOf()
  const first = device.change({ table: 'things', operation: 'CREATE', data: { a: 1 } })
  await device.sync([first])
  await mirror.catchUp()
  await mirror.catchUp()
  expect(told).toEqual([first.op_id])
  const { tables } = database
  expect(tables.feed('default').map(({ seq }) => seq)).toEqual([1])
  expect(tables.get('heads', 'default')).toMatchObject({ seq: 1, min_seq: 0 })
  expect(tables.get('results', first.op_id)).toMatchObject({ kind: 'accepted', seq: 1, device_id: device.id })
  expect(tables.all('records')).toMatchObject([{ id: first.record_id, version: 1, data: { a: 1 } }])
  expect(tables.get('streams', keyOf(device.id, device.incarnation))?.last_seq).toBe(1)
  expect(await mirror.missing()).toBeNull()
  await mirror.close()
})

test('what was committed and is gone is found, and what was changed', async () => {
  const { mirror } = mirrorOf()
  const change = device.change({ table: 'things', operation: 'CREATE', data: { b: 1 } })
  await device.sync([change])
  await mirror.catchUp()
  await own.db.$executeRaw`UPDATE op_result SET answer = answer || ' ' WHERE op_id = ${change.op_id}::uuid`
  expect(await mirror.missing()).toMatch(`results ${change.op_id}`)
  await own.db.$executeRaw`UPDATE op_result SET answer = rtrim(answer) WHERE op_id = ${change.op_id}::uuid`
  expect(await mirror.missing()).toBeNull()
  await own.db.$executeRaw`UPDATE record SET version = 0 WHERE id = ${change.record_id}::uuid`
  expect(await mirror.missing()).toMatch('went back from version 1')
  await asOwner(`SET session_replication_role = 'replica'; DELETE FROM feed_commit WHERE seq = 2`)
  expect(await mirror.missing()).toMatch(/commits default.*now undefined/)
  await mirror.close()
})

test('another state in the place of the database’s is read whole, and nothing of it counts as committed now', async () => {
  const { mirror, database, told } = mirrorOf()
  const change = device.change({ table: 'things', operation: 'CREATE', data: { d: 1 } })
  await device.sync([change])
  await mirror.catchUp()
  const before = told.length
  const { length } = database.tables.feed('default')
  let seen = -1
  await mirror.replaced(
    () =>
      asOwner(`SET session_replication_role = 'replica';
        DELETE FROM feed_change WHERE op_id = '${change.op_id}'; DELETE FROM op_result WHERE op_id = '${change.op_id}';
        DELETE FROM record WHERE last_op_id = '${change.op_id}';
        DELETE FROM feed_commit WHERE seq = (SELECT max(seq) FROM feed_commit)`).then(() => undefined),
    () => (seen = database.tables.feed('default').length),
  )
  expect(seen).toBe(length - 1)
  expect(database.tables.get('results', change.op_id)).toBeUndefined()
  expect(told).toHaveLength(before)
  expect(await mirror.missing()).toBeNull()
  await mirror.close()
})

test('a hole that is closed again between two looks was there', async () => {
  const { mirror, database } = mirrorOf()
  const refused = device.change({
    table: 'things',
    operation: 'CREATE',
    data: { c: 1 },
    checksum: 'f'.repeat(64),
  })
  await device.sync([refused])
  await own.db.$executeRaw`DELETE FROM stream_hole`
  await mirror.catchUp()
  expect(database.tables.all('holes')).toMatchObject([{ seq: refused.seq, code: 'checksum_mismatch' }])
  await mirror.close()
})
