import type { Client } from 'pg'
import { expect, test } from 'vitest'
import { createDatabase } from '../db.ts'
import { createTestDatabase } from '../testing/database.ts'
import { putPolicy, RawDevice } from '../testing/raw-device.ts'
import { fill, largeScope as scope, rowsFound, rowsRead, rowsScanned, withClient } from '../testing/scans.ts'
import { compareBuckets } from './compare-buckets.ts'
import { serverEngine } from './server-engine.ts'
import { snapshotPage } from './snapshot.ts'

test('no sync reads a growing table from end to end', async () => {
  const url = await createTestDatabase()
  await withClient(url, fill)
  const streams = `INSERT INTO device_stream (device_id, incarnation) SELECT id, gen_random_uuid() FROM device`
  await withClient(url, (client) => client.query(`${streams}; ANALYZE device_stream`))
  const before = await withClient(url, rowsScanned)
  expect(before).toMatchObject({ record: expect.any(Number), op_result: expect.any(Number) })
  const foundBefore = await withClient(url, rowsFound)
  const readOfLine = (client: Client) => rowsRead(client, 'snapshot_turn')
  const lineBefore = await withClient(url, readOfLine)

  const db = createDatabase(url)
  await putPolicy(db, { name: 'things', strategy: 'manual' })
  const writer = await RawDevice.enrol(db, [scope])
  const other = await RawDevice.enrol(db, [scope])
  // One that did.
  await db.$executeRaw`
    INSERT INTO op_result (device_id, incarnation, seq, op_id, payload_hash, kind, answer)
      SELECT ${writer.id}::uuid, gen_random_uuid(), i, gen_random_uuid(), '', 'accepted', '{}'
      FROM generate_series(1, 20000) i`
  const created = writer.change({ scope })
  const record_id = created.record_id
  const edit = (base_version: number, data: { name: string }) => ({
    ...{ scope, operation: 'UPDATE' as const, record_id, base_version, data },
  })
  await writer.send([created])
  await writer.send([created, writer.change(edit(1, { name: 'twice' }))])
  const { op_id, seq } = created
  const told = { op_id, incarnation: writer.incarnation, seq, digest: '', dead_letter_id: op_id }
  expect((await writer.send([], { confirm: [told], pull: { limit: 0 } })).unconfirmed).toEqual([op_id])
  // Behind what was written since: its base is read from the log, and a person is asked.
  const late = await other.send([other.change(edit(1, { name: 'late' }))], { pull: { limit: 100 } })
  expect(late.conflicts).toHaveLength(1)
  expect(late.server_changes.length).toBeGreaterThan(0)
  const first = JSON.parse(await snapshotPage(other.identity(), { limit: 50 }, serverEngine(db))) as {
    next_cursor: string
  }
  await snapshotPage(other.identity(), { cursor: first.next_cursor, limit: 50 }, serverEngine(db))
  // At the end of a long line: one that asks for its turn, and one that has it.
  await db.$executeRaw`SELECT * FROM admit_snapshots(${JSON.stringify([{ device: other.id, jitter: 0.5 }])}::jsonb)`
  for (const isLast of [false, true]) await db.$executeRaw`SELECT hold_snapshot(${other.id}::uuid, ${isLast})`
  // A digest reads its own scope, and no more.
  const small = await RawDevice.enrol(db, ['other 1'])
  await small.sync([small.change({ scope: 'other 1' })])
  const asked = { scope: 'other 1', buckets: {} }
  for (const sync_token of [undefined, small.syncToken]) {
    await compareBuckets(small.identity(), { ...asked, sync_token }, serverEngine(db))
  }
  await db.$disconnect()

  expect(await withClient(url, rowsScanned)).toEqual(before)
  // The line of 5,000 once for the question, and two places in it by key.
  expect((await withClient(url, readOfLine)) - lineBefore).toBeLessThan(5_100)
  // Nor by an index that leads to everything a device ever sent, or to everything a scope ever held.
  expect((await withClient(url, rowsFound)) - foundBefore).toBeLessThan(2_000)
})
