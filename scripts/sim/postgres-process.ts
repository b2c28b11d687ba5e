import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { createCluster, startCluster, type Cluster, type ClusterOptions } from '../postgres/cluster.ts'
import { postgresOwner, type PostgresOwner } from '../postgres/owner.ts'
import { findFreePort } from '../postgres/port.ts'
import { DataCopy } from './data-copies.ts'
import { makeSmallDisk, type SmallDisk } from './small-disk.ts'

/** How a PostgreSQL ends that nobody asked nicely. */
export const endings = ['immediate', 'kill', 'backend'] as const
export type Ending = (typeof endings)[number]

/** A PostgreSQL of one's own that can be ended in the middle of anything, and comes back with what it has on disk. */
export class PostgresProcess {
  readonly port: number
  /** Null where this machine lets nobody make one. */
  readonly disk: SmallDisk | null
  /** Of the data directory, and of what lies on the small disk. */
  readonly copy: DataCopy
  readonly #options: ClusterOptions
  #cluster: Cluster

  private constructor(
    options: ClusterOptions,
    cluster: Cluster,
    { disk, owner }: { disk: SmallDisk | null; owner: PostgresOwner },
  ) {
    this.#options = options
    this.#cluster = cluster
    this.port = options.port
    this.disk = disk
    this.copy = new DataCopy([options.dir, ...(disk ? [disk.folder] : [])], dirname(options.dir), owner)
  }

  /** @param folder of the cluster and its log */
  static async start(folder: string): Promise<PostgresProcess> {
    const dir = join(folder, 'postgres')
    const password = crypto.randomUUID()
    await mkdir(folder, { recursive: true })
    await createCluster(dir, password, { durable: false })
    const options = { dir, password, port: await findFreePort(), logFile: join(folder, 'postgres.log') }
    const cluster = await startCluster(options)
    const owner = await postgresOwner()
    return new PostgresProcess(options, cluster, { owner, disk: await makeSmallDisk(owner) })
  }

  url(database: string): string {
    return this.#cluster.url(database)
  }

  /**
   * Ends it now. `immediate`: SIGQUIT, as `pg_ctl stop -m immediate`. `kill`: SIGKILL of the postmaster. `backend`:
   * SIGKILL of one backend, upon which the postmaster ends all others and recovers by itself.
   */
  async end(ending: Ending): Promise<void> {
    if (ending === 'backend') {
      const victim = await this.#busyBackend().catch(() => null)
      if (victim !== null) signal(victim, 'SIGKILL')
      // Until the postmaster has noticed, the others answer.
      await sleep(500)
      return
    }
    signal(this.#cluster.pid, ending === 'kill' ? 'SIGKILL' : 'SIGQUIT')
    await this.#cluster.exited
  }

  /** Brings it back after `immediate` and `kill`. Where its disk is full somebody has made room first: it may need some. */
  async again(): Promise<void> {
    await this.disk?.free()
    this.#cluster = await startCluster(this.#options)
  }

  async stop(): Promise<void> {
    await this.disk?.free()
    await this.#cluster.stop()
    await this.disk?.end()
  }

  /** Of those that work for a server, one in the middle of something, if there is one. */
  async #busyBackend(): Promise<number | null> {
    const client = new pg.Client({ connectionString: this.url('postgres'), connectionTimeoutMillis: 2_000 })
    client.on('error', () => undefined)
    await client.connect()
    try {
      const { rows } = await client.query<{ pid: number }>(`
        SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
        ORDER BY (state <> 'idle') DESC, query_start DESC LIMIT 1`)
      return rows[0]?.pid ?? null
    } finally {
      await Promise.race([client.end().catch(() => undefined), sleep(1_000)])
    }
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It is gone already.
  }
}
