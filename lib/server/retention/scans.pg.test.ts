import type { Client } from 'pg'
import { expect, test } from 'vitest'
import { createDatabase } from '../db.ts'
import { createTestDatabase } from '../testing/database.ts'
import { putPolicy } from '../testing/raw-device.ts'
import { fill, rowsFound, rowsScanned, withClient } from '../testing/scans.ts'
import { signCheckpoint } from './checkpoint.ts'
import { digestState, pruneAnswers, raiseMinSeq, sweepFeed } from './store.ts'
import { age, history, ownerOf } from './testing/age.ts'

const scope = 'small'

test('no sweep reads more of a growing table than it sweeps', async () => {
  const url = await createTestDatabase()
  await withClient(url, fill)
  await withClient(url, fillOlder)
  const db = createDatabase(url)
  await putPolicy(db, { name: 'things', strategy: 'merge' })
  const { writer } = await history(db, scope)
  await db.$executeRaw`
    UPDATE op_result SET created_at = now() - interval '100 days' WHERE device_id = ${writer.id}::uuid`
  await db.$disconnect()
  const before = await ownerOf(url)
  await age(before.ask, scope, 8, 100)
  await before.end()
  const scannedBefore = await withClient(url, rowsScanned)
  const foundBefore = await withClient(url, rowsFound)

  const { ask, end } = await ownerOf(url)
  const checkpoint = await digestState(ask, scope, 8)
  expect(await raiseMinSeq(ask, checkpoint, signCheckpoint(checkpoint, 'secret'))).toBe(true)
  expect(await sweepFeed(ask, scope, { commits: 1_000, changes: 5_000 })).toBe(8)
  expect(await pruneAnswers(ask, 1_000)).toEqual({ answers: 8, streams: 1 })
  await end()

  expect(await withClient(url, rowsScanned)).toEqual(scannedBefore)
  expect((await withClient(url, rowsFound)) - foundBefore).toBeLessThan(500)
})

/** Another scope's log of the time that is swept: few rows alone would be read from end to end rightly. */
async function fillOlder(client: Client): Promise<void> {
  await client.query(`
    WITH older AS (
      INSERT INTO feed_commit (scope, seq, committed_at, batch, position, changes, size_bytes, digest, chain, actor_kind, actor_id)
      SELECT 'older', i, now() - interval '100 days', gen_random_uuid(), nextval('feed_position'), 100, 1000, '', '', 'system', 'test'
      FROM generate_series(1, 500) i
      RETURNING scope, batch, committed_at
    )
    INSERT INTO feed_change (scope, batch, ordinal, committed_at, "table", record_id, operation, effect, outcome,
      before_version, after_version, data, checksum, hlc, vector, rule)
    SELECT o.scope, o.batch, i, o.committed_at, 'things', gen_random_uuid(), 'CREATE', 'UPSERT', 'applied', 0, 1,
      '{"name": "x"}', '', '', '{}', '{}'
    FROM older o, generate_series(1, 100) i`)
  await client.query('ANALYZE')
}
