import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { createDatabase as createDatabaseFromTemplate, dropDatabase } from '#scripts/postgres/database.ts'
import { createDatabase, type Database } from '../db.ts'
import { clusterVariable, templateName } from './cluster.ts'

export type TestDatabase = {
  /** Connection string, for a server or a client of one's own. */
  url: string
  /** The product's own client on it, as `createDatabase` in `db.ts` makes it. */
  db: Database
  /** Disconnects everybody and drops it. */
  close: () => Promise<void>
}

/**
 * A migrated database of one's own, copied from the run's template (about 50 ms).
 * ```ts
 * const { db, url, close } = await testDatabase()
 * afterAll(close)
 * ```
 * @throws Error outside a run that started the cluster (`vitest --project pg`, Playwright)
 */
export async function testDatabase(): Promise<TestDatabase> {
  return connect(await createTestDatabase())
}

function connect(url: string): TestDatabase {
  const db = createDatabase(url)
  return {
    url,
    db,
    close: async () => {
      await db.$disconnect()
      await dropDatabase(url)
    },
  }
}

/** Another database with everything that is in this one at this moment: a backup. Whoever is connected comes back. */
export async function copyDatabase({ url }: TestDatabase): Promise<TestDatabase> {
  const name = new URL(url).pathname.slice(1)
  const admin = new pg.Client({ connectionString: process.env[clusterVariable] })
  await admin.connect()
  await admin.query('SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1', [name])
  await admin.end()
  return connect(await createTestDatabase(name))
}

/** Like {@link testDatabase}, without a client. @returns the connection string */
export async function createTestDatabase(template = templateName): Promise<string> {
  const server = process.env[clusterVariable]
  if (!server)
    throw new Error('No test cluster is running: name the file *.pg.test.ts and run it with vitest')
  const url = new URL(server)
  url.pathname = `/test_${randomUUID().replaceAll('-', '')}`
  await createDatabaseFromTemplate(url.href, template)
  return url.href
}
