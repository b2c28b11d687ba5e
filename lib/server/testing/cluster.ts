import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCluster, startCluster } from '#scripts/postgres/cluster.ts'
import { createDatabase } from '#scripts/postgres/database.ts'
import { findFreePort } from '#scripts/postgres/port.ts'
import { generateClient } from '#scripts/prisma/generate.ts'
import { applyMigrations } from '#scripts/prisma/migrations.ts'

/** The migrated database that every test's own database is a copy of. Nobody may be connected to it. */
export const templateName = 'holdfast_template'

/** Environment variable that tells test processes where the cluster is. */
export const clusterVariable = 'HOLDFAST_TEST_CLUSTER'

/** Fast and forgetful: a test's data need not survive anything. */
const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '300' }

/**
 * Starts a throw-away PostgreSQL with a migrated template database, and tells the test processes that are
 * started later.
 * @returns stops it and removes every trace
 */
export async function startTestCluster(): Promise<() => Promise<void>> {
  await generateClient()
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-'))
  const dir = join(folder, 'postgres')
  const password = crypto.randomUUID()
  await createCluster(dir, password, { durable: false })
  const logFile = join(folder, 'postgres.log')
  const cluster = await startCluster({ dir, port: await findFreePort(), password, logFile, settings })
  const template = cluster.url(templateName)
  await createDatabase(template)
  await applyMigrations(template)
  process.env[clusterVariable] = cluster.url('postgres')
  return async () => {
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  }
}
