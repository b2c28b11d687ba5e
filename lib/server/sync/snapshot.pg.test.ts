import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SnapshotItem, SnapshotReply } from '#lib/protocol/sync.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { putPolicy, RawDevice } from '../testing/raw-device.ts'
import { serverEngine } from './server-engine.ts'
import { snapshotPage } from './snapshot.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
  await putPolicy(database.db, { name: 'things', strategy: 'lww' })
})
afterAll(() => database.close())

async function page(device: RawDevice, query: { cursor?: string; limit?: number }): Promise<SnapshotReply> {
  return JSON.parse(await snapshotPage(device.identity(), query, serverEngine(database.db))) as SnapshotReply
}

test('all pages show the state at the first one, whatever happens between them; the token goes on from there', async () => {
  const [north, south] = [randomUUID(), randomUUID()]
  const writer = await RawDevice.enrol(database.db, [north, south])
  const made = Array.from({ length: 20 }, (_, i) =>
    writer.change({ scope: i % 2 ? north : south, data: { n: i } }),
  )
  await writer.send(made)
  const before = new Map(made.map(({ record_id, data }) => [record_id, data]))

  const reader = await RawDevice.enrol(database.db, [north, south])
  const items: SnapshotItem[] = []
  let reply = await page(reader, { limit: 3 })
  items.push(...reply.items)
  while (reply.next_cursor) {
    const [edited, deleted] = [made[items.length % 20]!, made[(items.length + 7) % 20]!]
    await writer.send([
      writer.change({ ...place(edited), operation: 'UPDATE', base_version: 1, data: { n: -1 } }),
      writer.change({ ...place(deleted), operation: 'DELETE', base_version: 1 }),
      writer.change({ scope: north, data: { n: 'new' } }),
    ])
    reply = await page(reader, { limit: 3, cursor: reply.next_cursor })
    items.push(...reply.items)
  }
  expect(new Map(items.map(({ record_id, data }) => [record_id, data]))).toEqual(before)
  expect(items).toHaveLength(20)

  reader.syncToken = reply.sync_token!
  const rest = await reader.sync()
  expect(rest.resync).toBeNull()
  const device = new Map<string, unknown>(before)
  for (const { operation, record_id, data } of rest.server_changes) {
    if (operation === 'DELETE') device.delete(record_id)
    else device.set(record_id, data)
  }
  const live = await database.db.record.findMany({ where: { scope: { in: [north, south] }, deleted: false } })
  expect(device).toEqual(new Map(live.map(({ id, data }) => [id, data])))
})

test('a record that moves in between two pages does not bring back what was deleted here before', async () => {
  const [north, south] = [randomUUID(), randomUUID()]
  const writer = await RawDevice.enrol(database.db, [north, south])
  const reader = await RawDevice.enrol(database.db, [south])
  // Of the same version in both scopes.
  const made = writer.change({ scope: south, record_id: 'ffffffff-0000-4000-8000-000000000000' })
  const on = { record_id: made.record_id, base_version: 1 }
  await writer.send([
    writer.change({ scope: south, record_id: '00000000-0000-4000-8000-000000000000' }),
    writer.change({ scope: south, record_id: '00000000-0000-4000-8000-000000000001' }),
    ...[made, writer.change({ ...on, scope: south, operation: 'DELETE' })],
    writer.change({ scope: north, record_id: made.record_id }),
  ])
  const first = await page(reader, { limit: 1 })
  await writer.send([writer.change({ ...on, operation: 'UPDATE', scope: south, from_scope: north })])
  const rest = first.next_cursor === null ? null : await page(reader, { cursor: first.next_cursor })
  expect([first, rest].flatMap((reply) => reply?.items.map(({ record_id }) => record_id) ?? [])).toEqual([
    '00000000-0000-4000-8000-000000000000',
    '00000000-0000-4000-8000-000000000001',
  ])
})

test('an empty server gives an empty snapshot with a token', async () => {
  const reader = await RawDevice.enrol(database.db, [randomUUID()])
  const reply = await page(reader, {})
  expect(reply).toMatchObject({ items: [], next_cursor: null })
  reader.syncToken = reply.sync_token!
  expect((await reader.sync()).resync).toBeNull()
})

test('a cursor that was tampered with, or whose scopes were revoked, is refused', async () => {
  const [north, south] = [randomUUID(), randomUUID()]
  const reader = await RawDevice.enrol(database.db, [north, south])
  const { next_cursor: cursor } = await page(reader, {})
  await expect(page(reader, { cursor: `${cursor}x` })).rejects.toMatchObject({ code: 'cursor_expired' })
  reader.scopes = [north]
  await expect(page(reader, { cursor: cursor! })).rejects.toMatchObject({ code: 'cursor_expired' })
})

function place({ record_id, scope }: { record_id: string; scope?: string | undefined }) {
  return { record_id, scope: scope! }
}
