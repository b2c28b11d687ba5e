import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { serverSecret } from '../sync/secret.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { lineOf } from './finding.ts'
import type { Ask } from './store.ts'
import { nearlyRight } from './testing/nearly-right.ts'
import { seededRandom } from './testing/workload.ts'
import { verifyData } from './verify.ts'

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
const rounds = Number(process.env['ROUNDS'] ?? 150)

let database: TestDatabase
let client: pg.Client
beforeAll(async () => {
  console.log(`nearly-right.pg.test: SEED=${seed} ROUNDS=${rounds}`)
  database = await testDatabase()
  process.env['DATABASE_URL'] = database.url
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await database.close()
})

test('what devices leave that send what is nearly right proves itself', async () => {
  const told = await nearlyRight(database.db, seededRandom(seed), rounds)
  // It is no proof of anything where nothing of it got through.
  expect([...told.keys()]).toEqual(
    expect.arrayContaining(['applied', 'merged', 'invalid_change', 'checksum_mismatch', 'saga_aborted']),
  )
  const ask: Ask = async (sql, values) => (await client.query(sql, values)).rows
  await ask('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  const found = await Array.fromAsync(verifyData(ask, { secret: serverSecret() }), lineOf)
  await ask('ROLLBACK')
  expect(found).toEqual([])
}, 120_000)
