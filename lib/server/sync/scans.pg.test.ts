import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { expect, test } from 'vitest'
import { createDatabase } from '../db.ts'
import { createTestDatabase } from '../testing/database.ts'
import { putPolicy, RawDevice } from '../testing/raw-device.ts'
import { compareBuckets } from './compare-buckets.ts'
import { serverEngine } from './server-engine.ts'
import { snapshotPage } from './snapshot.ts'

const scope = 'large'
/** Tables that grow with the fleet and its history. */
const growing =
  '^(record|op_result|feed_(commit|change|head).*|device(_stream|_health)?|stream_hole|conflict)$'

test('no sync reads a growing table from end to end', async () => {
  const url = await createTestDatabase()
  await withClient(url, fill)
  const before = await withClient(url, rowsScanned)
  expect(before).toMatchObject({ record: expect.any(Number), op_result: expect.any(Number) })
  const foundBefore = await withClient(url, rowsFound)

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
  // Nor by an index that leads to everything a device ever sent, or to everything a scope ever held.
  expect((await withClient(url, rowsFound)) - foundBefore).toBeLessThan(2_000)
})

/** Enough of everything that the planner would find an index worth its while, and a mistake would show. */
async function fill(client: Client): Promise<void> {
  await client.query(`
    INSERT INTO device (id, name, token_hash, scopes, incarnation)
      SELECT gen_random_uuid(), 'd' || i, sha256(i::text::bytea), '{}', gen_random_uuid() FROM generate_series(1, 2000) i;
    INSERT INTO device_health (device_id) SELECT id FROM device;
    INSERT INTO record (scope, "table", id, version, data, checksum, hlc)
      SELECT '${scope}', 'things', gen_random_uuid(), 1, '{"name": "x"}', '', '' FROM generate_series(1, 20000);
    INSERT INTO op_result (device_id, incarnation, seq, op_id, payload_hash, kind, answer)
      -- A device each: the planner takes it that no device sent much.
      SELECT gen_random_uuid(), gen_random_uuid(), i, gen_random_uuid(), '', 'accepted', '{}'
      FROM generate_series(1, 20000) i;
    INSERT INTO feed_head (scope, seq, chain) VALUES ('${scope}', 200, '');
    INSERT INTO feed_head (scope, chain) SELECT 'other ' || i, '' FROM generate_series(1, 2000) i;
    INSERT INTO feed_commit (scope, seq, committed_at, batch, position, changes, size_bytes, digest, chain, actor_kind, actor_id)
      SELECT '${scope}', i, now(), gen_random_uuid(), nextval('feed_position'), 100, 1000, '', '', 'system', 'test'
      FROM generate_series(1, 200) i;
    INSERT INTO feed_change (scope, batch, ordinal, committed_at, "table", record_id, operation, effect, outcome,
      before_version, after_version, data, checksum, hlc, vector, rule)
      SELECT c.scope, c.batch, i, c.committed_at, 'things', gen_random_uuid(), 'CREATE', 'UPSERT', 'applied', 0, 1,
        '{"name": "x"}', '', '', '{}', '{}'
      FROM feed_commit c, generate_series(1, 100) i;
    INSERT INTO snapshot_turn (device_id, asked_at, turn_at, due_at, expires_at)
      SELECT gen_random_uuid(), now() - i * interval '1 second', now() - i * interval '1 second', now(), now() + interval '1 hour'
      FROM generate_series(1, 5000) i;
    ANALYZE`)
}

/** Rows read by sequential scans so far. */
async function rowsScanned(client: Client): Promise<Record<string, number>> {
  // A connection tells what it read when it ends, at the latest.
  while ((await othersConnected(client)) > 0) await sleep(20)
  const { rows } = await client.query<{ name: string; read: string }>(`
    SELECT relname AS name, seq_tup_read AS read FROM pg_stat_user_tables
    WHERE relname ~ '${growing}'`)
  return Object.fromEntries(rows.map(({ name, read }) => [name, Number(read)]))
}

/** Entries read of the indexes of these tables so far. */
async function rowsFound(client: Client): Promise<number> {
  while ((await othersConnected(client)) > 0) await sleep(20)
  const { rows } = await client.query<{ read: string }>(
    `SELECT sum(idx_tup_read) AS read FROM pg_stat_user_indexes WHERE relname ~ '${growing}'`,
  )
  return Number(rows[0]!.read)
}

async function othersConnected(client: Client): Promise<number> {
  const { rows } = await client.query<{ count: number }>(`
    SELECT count(*)::int FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`)
  return rows[0]!.count
}

async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}
