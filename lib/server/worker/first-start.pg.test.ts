import { expect, test, vi } from 'vitest'
import { createDatabase, dropDatabase } from '#scripts/postgres/database.ts'
import { logger } from '#lib/telemetry/log.ts'
import { clusterVariable } from '../testing/cluster.ts'
import { testDatabase } from '../testing/database.ts'
import { startWorker } from './worker.ts'

test('processes that start at the same time on a new database: each finds the job queue set up, and none stumbles', async () => {
  const own = await testDatabase()
  const warned = vi.spyOn(logger, 'warn')
  const workers = Array.from({ length: 6 }, () => startWorker(own.url))
  try {
    await Promise.all(workers.map((worker) => worker.ready))
    expect(warned.mock.calls.map(([what]) => what)).toEqual([])
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()))
    warned.mockRestore()
    await own.close()
  }
}, 60_000)

test('a database that several make at the same time is made once', async () => {
  const url = new URL(process.env[clusterVariable] ?? '')
  url.pathname = `/first_${crypto.randomUUID().replaceAll('-', '')}`
  try {
    const made = await Promise.all([1, 2, 3, 4].map(() => createDatabase(url.href)))
    expect(made.filter(Boolean)).toHaveLength(1)
  } finally {
    await dropDatabase(url.href)
  }
})
