import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDatabase } from '../db.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { expectedError } from './expected-error.ts'
import { problem } from './reply.ts'

let own: TestDatabase
beforeAll(async () => {
  own = await testDatabase()
})
afterAll(() => own.close())

test('a pool whose connections are all taken says that the server is busy, and when to come again', async () => {
  const db = createDatabase(own.url)
  // More than any pool here has: the last of them wait for longer than a connection may take.
  const asked = Array.from({ length: 40 }, () =>
    db.$queryRaw`SELECT 1 FROM pg_sleep(4)`.then(() => null, problemOf),
  )
  const told = (await Promise.all(asked)).filter((each) => each !== null)
  await db.$disconnect()
  expect(told.length).toBeGreaterThan(0)
  const waits = new Set(told.map(({ body }) => body.retry_after_ms))
  expect(waits.size).toBeGreaterThan(1)
  for (const { status, retryAfter, body } of told) {
    expect(status).toBe(503)
    expect(Number(retryAfter)).toBeGreaterThanOrEqual(1)
    expect(body.code).toBe('unavailable')
    expect(body.detail).toMatch(/more to do than it can/)
  }
}, 30_000)

async function problemOf(thrown: unknown) {
  const reply = problem(expectedError(thrown), 'trace')
  const body = (await reply.toResponse().json()) as { code: string; detail: string; retry_after_ms: number }
  return { status: reply.status, retryAfter: reply.headers.get('retry-after'), body }
}
