import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { secret } from '#lib/sim/simulation/secret.ts'
import { createDatabase, dropDatabase } from '../postgres/database.ts'
import { generateClient } from '../prisma/generate.ts'
import { applyMigrations } from '../prisma/migrations.ts'
import { ensureBuild } from '../start/build.ts'
import { startCutProxy, type CutProxy } from './cut-proxy.ts'
import { instruments } from './mirror-rows.ts'
import { PostgresProcess } from './postgres-process.ts'
import { WebProcess } from './web-process.ts'

const template = 'template_of_simulations'
/** The tablespace on it. */
const smallDisk = 'small_disk'

/** A PostgreSQL and web processes, for one simulation after the other. */
export class Stack {
  readonly postgres: PostgresProcess
  readonly apiKey = `hf_api_${crypto.randomUUID()}`
  readonly enrollmentKey = `hf_enr_${crypto.randomUUID()}`
  readonly folder: string
  readonly #distDir: string

  private constructor(folder: string, postgres: PostgresProcess, distDir: string) {
    this.folder = folder
    this.postgres = postgres
    this.#distDir = distDir
  }

  /** Starts PostgreSQL, with a database that is ready to be copied; builds the console unless it is built. */
  static async start(distDir: string): Promise<Stack> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-sim-'))
    await generateClient()
    await ensureBuild(distDir)
    const stack = new Stack(folder, await PostgresProcess.start(folder), distDir)
    try {
      await stack.#makeTemplate()
      return stack
    } catch (error) {
      await stack.stop()
      throw error
    }
  }

  /** An empty database of its own, on the small disk where there is one. */
  async newDatabase(name: string, settings: Record<string, number>): Promise<{ url: string; epoch: string }> {
    const url = this.postgres.url(name)
    await createDatabase(url, template)
    if (this.postgres.disk) {
      await this.#asServer((client) => client.query(`ALTER DATABASE ${name} SET TABLESPACE ${smallDisk}`))
    }
    const epoch = await withClient(url, async (client) => {
      const { rows } = await client.query<{ epoch: string }>('SELECT epoch FROM server_identity')
      for (const [key, value] of Object.entries(settings)) {
        await client.query('INSERT INTO setting (key, value) VALUES ($1, to_jsonb($2::float8))', [key, value])
      }
      return rows[0]!.epoch
    })
    return { url, epoch }
  }

  /** Once nobody is connected to it any more. */
  async dropDatabase(name: string): Promise<void> {
    await dropDatabase(this.postgres.url(name))
    await this.postgres.copy.drop()
  }

  /** A web process on a database, and a line to each that can be cut. */
  async newServer(
    name: string,
    databaseUrl: string,
  ): Promise<{ process: WebProcess; proxy: CutProxy; databaseProxy: CutProxy }> {
    const databaseProxy = await startCutProxy(this.postgres.port)
    const url = new URL(databaseUrl)
    url.port = String(databaseProxy.port)
    const process = await WebProcess.prepare({
      name,
      distDir: this.#distDir,
      logFile: join(this.folder, `${name}.log`),
      env: {
        DATABASE_URL: url.href,
        HOLDFAST_TOKEN_SECRET: secret,
        HOLDFAST_SESSION_SECRET: 'the session secret of a simulated server',
        HOLDFAST_DATA_DIR: this.folder,
        LOG_LEVEL: 'warn',
        DATABASE_POOL_SIZE: '6',
      },
    })
    return { process, proxy: await startCutProxy(process.port), databaseProxy }
  }

  async stop(): Promise<void> {
    await this.postgres.stop()
    await rm(this.folder, { recursive: true, force: true })
  }

  #asServer<T>(use: (client: pg.Client) => Promise<T>): Promise<T> {
    return withClient(this.postgres.url('postgres'), use)
  }

  async #makeTemplate(): Promise<void> {
    const { disk } = this.postgres
    if (disk) {
      const folder = pg.escapeLiteral(disk.folder)
      await this.#asServer((client) => client.query(`CREATE TABLESPACE ${smallDisk} LOCATION ${folder}`))
    }
    const url = this.postgres.url(template)
    await createDatabase(url)
    await applyMigrations(url)
    // Rests on the generated client.
    const { ensureBootstrapKeys } = await import('#lib/server/users/bootstrap-keys.ts')
    const { database } = await import('#lib/server/db.ts')
    process.env['DATABASE_URL'] = url
    await ensureBootstrapKeys({ apiKey: this.apiKey, enrollmentKey: this.enrollmentKey })
    await database().$disconnect()
    delete process.env['DATABASE_URL']
    await withClient(url, (client) => client.query(instruments.join(';')))
  }
}

export async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await use(client)
  } finally {
    await Promise.race([client.end().catch(() => undefined), sleep(1_000)])
  }
}
