import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  bucketHash,
  bucketOf,
  digestRequestSchema,
  type DigestLine,
  type DigestReply,
} from '#lib/protocol/digest.ts'
import type { ChangeInput, ServerChange } from '#lib/protocol/sync.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { putPolicy, RawDevice } from '../testing/raw-device.ts'
import { compareBuckets } from './compare-buckets.ts'
import { sha256Hex } from './read-changes.ts'
import { serverEngine } from './server-engine.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
  await putPolicy(database.db, { name: 'things', strategy: 'lww' })
  await putPolicy(database.db, { name: 'others', strategy: 'lww' })
})
afterAll(() => database.close())

type Lines = { [table: string]: DigestLine[] }

/** As a device that keeps what the feed told it computes it, by the protocol's own words. */
function bucketsOf(tables: Lines) {
  return Object.fromEntries(
    Object.entries(tables).map(([table, lines]) => [
      table,
      Object.fromEntries(
        Object.entries(Object.groupBy(lines, ({ record_id }) => bucketOf(record_id, sha256Hex))).map(
          ([bucket, own]) => [bucket, bucketHash(own ?? [], sha256Hex)],
        ),
      ),
    ]),
  )
}

function folded(changes: readonly ServerChange[], before: Lines = {}): Lines {
  const rows = new Map(
    Object.entries(before).flatMap(([table, lines]) =>
      lines.map((line) => [line.record_id, { table, ...line }] as const),
    ),
  )
  for (const { operation, table, record_id, version, checksum } of changes) {
    if (operation === 'UPSERT') rows.set(record_id, { table, record_id, version, checksum })
    else rows.delete(record_id)
  }
  return Object.groupBy(rows.values(), ({ table }) => table) as Lines
}

async function compare(device: RawDevice, body: object): Promise<DigestReply> {
  const request = digestRequestSchema.parse({ scope: device.scopes[0], ...body })
  return JSON.parse(
    await compareBuckets(device.identity(), request, serverEngine(database.db)),
  ) as DigestReply
}

/** A scope with 60 records in two tables, some edited, some deleted, and a device that has read all of it. */
async function scene() {
  const scope = randomUUID()
  const writer = await RawDevice.enrol(database.db, [scope])
  const made = Array.from({ length: 60 }, (_, n) =>
    writer.change({ scope, table: n % 3 ? 'things' : 'others', data: { n } }),
  )
  await writer.send(made)
  const on = ({ table, record_id }: ChangeInput) => ({ scope, table, record_id, base_version: 1 })
  await writer.send([
    ...made
      .slice(0, 9)
      .map((change) => writer.change({ ...on(change), operation: 'UPDATE', data: { m: 1 } })),
    ...made.slice(9, 15).map((change) => writer.change({ ...on(change), operation: 'DELETE' })),
  ])
  const reader = await RawDevice.enrol(database.db, [scope])
  const { server_changes } = await reader.sync()
  return { scope, writer, made, on, reader, has: folded(server_changes) }
}

describe('a digest', () => {
  test('of everything the feed told finds no difference; the answer tells where it was computed', async () => {
    const { scope, reader, has } = await scene()
    expect(Object.values(has).flat()).toHaveLength(54)
    expect(await compare(reader, { buckets: bucketsOf(has), sync_token: reader.syncToken })).toEqual({
      ...{ scope, epoch: expect.any(String), seq: 2, buckets: {}, has_more: false, resync: null },
    })
    expect(await compare(reader, { buckets: bucketsOf(has) })).toMatchObject({ seq: 2, buckets: {} })
  })

  test('names what is missing, too much, outdated or damaged, and nothing else', async () => {
    const { reader, has } = await scene()
    const [missing, outdated, damaged] = has['things']!
    const ghost = { record_id: randomUUID(), version: 1, checksum: sha256Hex('ghost') }
    const wrong: Lines = {
      things: [
        ...has['things']!.slice(3),
        { ...outdated!, version: outdated!.version + 1 },
        { ...damaged!, checksum: sha256Hex('?') },
        ghost,
      ],
      others: has['others']!,
    }
    const { buckets } = await compare(reader, { buckets: bucketsOf(wrong), sync_token: reader.syncToken })
    const touched = [missing!, outdated!, damaged!, ghost].map(({ record_id }) =>
      bucketOf(record_id, sha256Hex),
    )
    expect(Object.keys(buckets)).toEqual(['things'])
    expect(Object.keys(buckets['things']!).toSorted()).toEqual([...new Set(touched)].toSorted())
    const told = Object.fromEntries(Object.values(buckets['things']!).flatMap(Object.entries))
    const right = has['things']!.filter(({ record_id }) => touched.includes(bucketOf(record_id, sha256Hex)))
    expect(told).toEqual(Object.fromEntries(right.map(({ record_id, version }) => [record_id, version])))
  })

  test('compares at the device’s token: what happened since is no difference, and one at the head sees it', async () => {
    const { scope, writer, made, on, reader, has } = await scene()
    await writer.send([
      writer.change({ ...on(made[20]!), operation: 'UPDATE', data: { later: true } }),
      writer.change({ ...on(made[21]!), operation: 'DELETE' }),
      writer.change({ ...on(made[10]!), operation: 'CREATE', base_version: 0, data: { again: true } }),
      writer.change({ scope, data: { brand: 'new' } }),
    ])
    const buckets = bucketsOf(has)
    expect(await compare(reader, { buckets, sync_token: reader.syncToken })).toMatchObject({
      seq: 2,
      buckets: {},
    })
    expect((await compare(reader, { buckets })).buckets).not.toEqual({})
    const { server_changes } = await reader.sync()
    const now = bucketsOf(folded(server_changes, has))
    expect(await compare(reader, { buckets: now, sync_token: reader.syncToken })).toMatchObject({
      ...{ seq: 3, buckets: {} },
    })
  })

  test('covers tables that the device does not name, unless it names those to compare', async () => {
    const { reader, has } = await scene()
    const only = { things: has['things']! }
    const whole = await compare(reader, { buckets: bucketsOf(only) })
    expect(Object.keys(whole.buckets)).toEqual(['others'])
    expect(Object.values(whole.buckets['others']!).flatMap(Object.keys)).toHaveLength(has['others']!.length)
    expect((await compare(reader, { buckets: bucketsOf(only), tables: ['things'] })).buckets).toEqual({})
    const none = await compare(reader, { buckets: { nowhere: { aa: sha256Hex('x') } }, tables: ['nowhere'] })
    expect(none.buckets).toEqual({ nowhere: { aa: {} } })
  })

  test('is refused for a scope that was not granted, and on a token of another history', async () => {
    const { reader } = await scene()
    await expect(compare(reader, { scope: 'elsewhere', buckets: {} })).rejects.toMatchObject({
      code: 'forbidden',
    })
    expect(await compare(reader, { buckets: {}, sync_token: 'made up' })).toMatchObject({
      ...{ buckets: {}, resync: { reason: 'epoch_changed' } },
    })
  })

  test('more than a reply holds comes in parts, each bucket whole', async () => {
    const scope = randomUUID()
    const writer = await RawDevice.enrol(database.db, [scope])
    await database.db.$executeRaw`
      INSERT INTO record (scope, "table", id, version, data, checksum, hlc)
      SELECT ${scope}, 'things', gen_random_uuid(), 1, '{}', 'c', 'h' FROM generate_series(1, 7000)`
    const first = await compare(writer, { buckets: {} })
    const told = Object.values(first.buckets['things']!)
    expect(first.has_more).toBe(true)
    expect(told.flatMap(Object.keys).length).toBeLessThanOrEqual(5_000)
    expect(told.flatMap(Object.keys).length).toBeGreaterThan(4_800)
  })
})
