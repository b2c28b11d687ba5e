import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { putPolicy } from '../testing/raw-device.ts'
import { maintainPartitions } from '../worker/store.ts'
import { compact } from './compact.ts'
import type { Ask } from './store.ts'
import { age, history, ownerOf } from './testing/age.ts'

let database: TestDatabase
let owner: { ask: Ask; end: () => Promise<void> }
beforeAll(async () => {
  database = await testDatabase()
  owner = await ownerOf(database.url)
  await putPolicy(database.db, { name: 'things', strategy: 'merge' })
})
afterAll(async () => {
  await owner.end()
  await database.close()
})

const ask: Ask = (sql, values) => owner.ask(sql, values)
const partitions = async () =>
  (
    await ask<{ name: string }>(
      `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent IN ('feed_change'::regclass, 'feed_commit'::regclass) AND c.relname LIKE '%2020%' ORDER BY 1`,
    )
  ).map(({ name }) => name)
const rowsBy = (table: string) =>
  ask<{ place: string; count: number }>(
    `SELECT tableoid::regclass::text AS place, count(*)::int AS count FROM ${table} GROUP BY 1 ORDER BY 1`,
  )

test('a month of the log that compaction all but emptied goes; what the fold needs of it does not', async () => {
  for (const month of ['01', '02']) {
    const next = `2020-0${Number(month) + 1}-01`
    for (const parent of ['feed_change', 'feed_commit']) {
      await ask(
        `CREATE TABLE ${parent}_2020_${month} PARTITION OF ${parent} FOR VALUES FROM ('2020-${month}-01 00:00+00') TO ('${next} 00:00+00')`,
      )
    }
  }
  const scope = randomUUID()
  const { writer, edited, on } = await history(database.db, scope)
  const days = Math.round((Date.now() - Date.parse('2020-01-15')) / 86_400_000)
  await age(ask, scope, 8, days)
  expect(await rowsBy('feed_change')).toEqual([{ place: 'feed_change_2020_01', count: 8 }])

  const fold = () =>
    ask(`SELECT "table", record_id, after_version, effect, data FROM feed_fold($1, 8)`, [scope])
  const before = await fold()
  await compact(ask, { minAgeHours: 0 })
  await maintainPartitions(ask)
  expect(await partitions()).toEqual([])
  expect(await rowsBy('feed_change')).toEqual([{ place: 'feed_change_default', count: 3 }])
  expect(await fold()).toEqual(before)

  // Its states are bases as before, wherever they lie.
  await writer.send([
    writer.change({ ...on({ record_id: edited }, 5), operation: 'UPDATE', data: { n: 4, m: 1 } }),
  ])
  const late = writer.change({ ...on({ record_id: edited }, 5), operation: 'UPDATE', data: { n: 9 } })
  expect((await writer.send([late])).accepted).toMatchObject([{ outcome: 'merged', data: { n: 9, m: 1 } }])
})

test('where somebody holds the log it waits for the next time', async () => {
  await ask(
    `CREATE TABLE feed_change_2020_03 PARTITION OF feed_change FOR VALUES FROM ('2020-03-01 00:00+00') TO ('2020-04-01 00:00+00')`,
  )
  const other = await ownerOf(database.url)
  await other.ask('BEGIN')
  await other.ask('LOCK TABLE feed_change IN ROW EXCLUSIVE MODE')
  await maintainPartitions(ask)
  expect(await partitions()).toEqual(['feed_change_2020_03'])
  await other.ask('ROLLBACK')
  await other.end()
  await maintainPartitions(ask)
  expect(await partitions()).toEqual([])
})
