import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCluster, startCluster, type Cluster, type ClusterOptions } from '../postgres/cluster.ts'
import { findFreePort, isPortFree } from '../postgres/port.ts'
import { say } from './progress.ts'
import { rememberPort, type Secrets } from './secrets.ts'

/** A server that has just died is not ready to be replaced faster than this. */
const restartDelayMs = 1_000

export type EmbeddedPostgres = { url: string; port: number; stop: () => Promise<void> }

/**
 * The PostgreSQL of a data directory: created on the first start, on the port it had before if that is free,
 * and started again should it die.
 */
export async function startEmbedded(dataDir: string, secrets: Secrets): Promise<EmbeddedPostgres> {
  const dir = join(dataDir, 'postgres')
  const logs = join(dataDir, 'logs')
  await mkdir(logs, { recursive: true })
  const remembered = secrets.postgresPort
  await createCluster(dir, secrets.postgresPassword)
  const options = { dir, password: secrets.postgresPassword, logFile: join(logs, 'postgres.log') }
  const first = remembered === null ? null : await startOn(remembered, options)
  const port = first ? (remembered ?? 0) : await findFreePort()
  const cluster = first ?? (await startCluster({ ...options, port }))
  if (port !== remembered) await rememberPort(dataDir, secrets, port)
  return { url: cluster.url('holdfast'), port, stop: keepRunning(cluster, { ...options, port }) }
}

/** The old port may still be ours: a server that was orphaned is stopped by the start itself. */
async function startOn(port: number, options: Omit<ClusterOptions, 'port'>): Promise<Cluster | null> {
  try {
    return await startCluster({ ...options, port })
  } catch (error) {
    if (await isPortFree(port)) throw error
    return null
  }
}

/** @returns stops the server for good */
function keepRunning(first: Cluster, options: ClusterOptions): () => Promise<void> {
  let current = first
  let isStopping = false
  const watch = async () => {
    for (;;) {
      await current.exited
      if (isStopping) return
      say('PostgreSQL ended; starting it again …')
      await sleep(restartDelayMs)
      if (isStopping) return
      current = await startCluster(options)
      say('PostgreSQL is back.')
    }
  }
  const watching = watch().catch((error: unknown) => say(`PostgreSQL did not come back: ${String(error)}`))
  return async () => {
    isStopping = true
    await current.stop()
    await watching
  }
}
