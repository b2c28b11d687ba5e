import { afterAll, expect, test } from 'vitest'
import { testDatabase } from './database.ts'

const one = await testDatabase()
const other = await testDatabase()
afterAll(() => Promise.all([one.close(), other.close()]))

test('every test database is migrated and nobody else sees what is written to it', async () => {
  await one.db.$executeRaw`INSERT INTO feed_head (scope, chain) VALUES ('here', '')`
  const here = await one.db.$queryRaw`SELECT scope FROM feed_head`
  const there = await other.db.$queryRaw`SELECT scope FROM feed_head`
  expect(here).toEqual([{ scope: 'here' }])
  expect(there).toEqual([])
})
