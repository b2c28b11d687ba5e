import {
  ColumnTypeEnum,
  DriverAdapterError,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
  type SqlQuery,
} from '@prisma/driver-adapter-utils'
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'

/** Type numbers of PostgreSQL: the one-byte `"char"` of its catalog, and text. */
const charType = 18
const textType = 25

/**
 * Prisma's PostgreSQL adapter, made fit for its migration engine. Three things differ from the plain one:
 * - a migration is sent as one script: the plain adapter splits it on `;` and breaks function bodies;
 * - the catalog type `"char"`, which the plain adapter refuses, is read;
 * - the shadow database is a database of its own, and is dropped even while a connection lingers.
 */
export class MigrationAdapterFactory implements SqlMigrationAwareDriverAdapterFactory {
  readonly provider = 'postgres'
  readonly adapterName = '@prisma/adapter-pg'
  readonly #config: pg.PoolConfig
  readonly #pools = new Set<pg.Pool>()

  constructor(url: string) {
    this.#config = connectionFields(url)
  }

  connect(): Promise<SqlDriverAdapter> {
    return this.#open(this.#config)
  }

  async connectToShadowDb(): Promise<SqlDriverAdapter> {
    const database = `holdfast_shadow_${crypto.randomUUID()}`
    await runOnServer(this.#config, `CREATE DATABASE "${database}"`)
    const shadow = await this.#open({ ...this.#config, database })
    const dispose = shadow.dispose.bind(shadow)
    return Object.assign(shadow, {
      dispose: async () => {
        await dispose()
        await runOnServer(this.#config, `DROP DATABASE "${database}" WITH (FORCE)`)
      },
    })
  }

  /** Closes what the engine, which does not, left open. */
  async close(): Promise<void> {
    await Promise.all([...this.#pools].filter((pool) => !pool.ending).map((pool) => pool.end()))
  }

  async #open(config: pg.PoolConfig): Promise<SqlDriverAdapter> {
    // A stopping server, or a dropped shadow database, ends idle connections: no reason to fall.
    const quiet = () => undefined
    const adapter = await new PrismaPg(config, { onPoolError: quiet, onConnectionError: quiet }).connect()
    const pool = adapter.underlyingDriver()
    this.#pools.add(pool)
    const query: (...args: never[]) => Promise<unknown> = pool.query.bind(pool)
    const queryRaw = adapter.queryRaw.bind(adapter)
    const charColumns = new WeakMap<object, number[]>()
    Object.assign(pool, {
      query: async (...args: never[]) => hideCharColumns(await query(...args), charColumns),
    })
    return Object.assign(adapter, {
      queryRaw: async (sql: SqlQuery) => {
        const result = await queryRaw(sql)
        for (const index of charColumns.get(result.rows) ?? [])
          result.columnTypes[index] = ColumnTypeEnum.Character
        return result
      },
      executeScript: async (script: string) => {
        await pool.query(script).catch(explain)
      },
    })
  }
}

/** Discrete fields, since with a connection string pg ignores the `database` beside it. */
function connectionFields(url: string): pg.PoolConfig {
  const client = new pg.Client({ connectionString: url })
  return {
    host: client.host,
    port: client.port,
    user: client.user ?? 'postgres',
    password: client.password ?? undefined,
    database: client.database ?? 'postgres',
    ssl: client.ssl,
    max: 4,
  }
}

/** Calls `"char"` columns text on their way through the adapter, and notes which they were. */
function hideCharColumns(answer: unknown, charColumns: WeakMap<object, number[]>): unknown {
  for (const result of Array.isArray(answer) ? answer : [answer]) {
    const columns: number[] = []
    for (const [index, field] of result.fields.entries()) {
      if (field.dataTypeID !== charType) continue
      field.dataTypeID = textType
      columns.push(index)
    }
    if (columns.length > 0) charColumns.set(result.rows, columns)
  }
  return answer
}

/** The engine tells what went wrong only if it is told in the adapter's own words. */
function explain(error: unknown): never {
  if (!(error instanceof pg.DatabaseError)) throw error
  const { message, code = '', severity = 'ERROR', detail, column, hint } = error
  throw new DriverAdapterError({ kind: 'postgres', message, code, severity, detail, column, hint })
}

async function runOnServer(config: pg.PoolConfig, statement: string): Promise<void> {
  const client = new pg.Client(config)
  client.on('error', () => undefined)
  await client.connect()
  await client.query(statement).finally(() => client.end())
}
