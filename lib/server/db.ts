import { PrismaPg } from '@prisma/adapter-pg'
import { Pool, type QueryResultRow } from 'pg'
import { PrismaClient } from './generated/prisma/client.ts'

export type Database = PrismaClient

/** What a transaction and the client itself have in common: what a store works on. */
export type Queryable = Pick<PrismaClient, '$queryRaw' | '$queryRawUnsafe' | '$executeRaw'>

// Next bundles instrumentation and routes apart: what they share hangs on globalThis.
const holder = globalThis as { holdfastDatabase?: Database; holdfastPools?: WeakMap<Database, Pool> }
const pools = (holder.holdfastPools ??= new WeakMap())

const poolSize = Number(process.env['DATABASE_POOL_SIZE'] ?? 12)

/**
 * A client on its own pool.
 * Works as the role `holdfast_app`, which may not rewrite the log or the audit, where that role exists.
 */
export function createDatabase(url: string): Database {
  const pool = new Pool({
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: 5_000,
    // A new connection plans every statement of a push anew, 25 ms of PostgreSQL: a fleet that syncs every minute keeps its.
    idleTimeoutMillis: 300_000,
    // A hung server must not hang its devices: they retry. The first limit is the server's own; the second is ours, for
    // a server that does not even keep its limits.
    statement_timeout: 20_000,
    query_timeout: 22_000,
    onConnect: async (client) => {
      await client.query(
        `SELECT set_config('role', 'holdfast_app', false) FROM pg_roles WHERE rolname = 'holdfast_app'`,
      )
    },
  })
  // A stopping Postgres ends idle connections with an error; the pool replaces them, the process lives.
  pool.on('error', () => {})
  const db = new PrismaClient({
    adapter: new PrismaPg(pool, { disposeExternalPool: true }),
    // As long as a connection and a statement may take: a busy machine is slow, not broken.
    transactionOptions: { maxWait: 10_000, timeout: 30_000 },
  })
  pools.set(db, pool)
  return db
}

/**
 * Runs one prepared statement on the client's own pool, past Prisma: for the few that every sync makes and that carry
 * whole batches. Prisma writes each parameter as JSON and reads it again before it sends it, and each result likewise.
 * @param statement its name, unique for the text
 * @throws the driver's own errors; `sqlState` and `isUnavailable` know them
 */
export async function queryPrepared<Row extends QueryResultRow>(
  db: Database,
  statement: { name: string; text: string },
  values: unknown[],
): Promise<Row[]> {
  const pool = pools.get(db)
  if (!pool) throw new Error('this client was not made by createDatabase')
  const { rows } = await pool.query<Row>({ ...statement, values })
  return rows
}

/** This process's client on DATABASE_URL. */
export function database(): Database {
  const url = process.env['DATABASE_URL']
  if (!url) throw new Error('DATABASE_URL is not set: start the server with `npm start`')
  holder.holdfastDatabase ??= createDatabase(url)
  return holder.holdfastDatabase
}
