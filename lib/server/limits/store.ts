import { RateLimiterPostgres } from 'rate-limiter-flexible'
import { database } from '../db.ts'

/**
 * A counter in Postgres, so that every web process counts the same.
 * rate-limiter-flexible speaks node-postgres; this hands its statements to the application's own pool.
 */
export function createLimiter(name: string, points: number, durationSeconds: number): RateLimiterPostgres {
  return new RateLimiterPostgres({
    storeClient: { query: runStatement },
    storeType: 'client',
    tableName: 'rate_limit',
    tableCreated: true,
    // The worker removes what expired.
    clearExpiredByTimeout: false,
    keyPrefix: name,
    points,
    duration: durationSeconds,
  })
}

type LimitRow = { points?: number; expire?: bigint | number | null }

async function runStatement(statement: { text: string; values: unknown[] }) {
  const rows = await database().$queryRawUnsafe<LimitRow[]>(statement.text, ...statement.values)
  return {
    rows: rows.map((row) => ({ ...row, expire: row.expire == null ? null : Number(row.expire) })),
    rowCount: rows.length,
  }
}
