import { database } from '../db.ts'

const traceRows = 20_000
const traceDays = 7
const eventDays = 90
const eventsPerDevice = 500
const idempotencyHours = 24
const minuteRollupDays = 8
const hourRollupDays = 400

const sessionDays = 92
/** As many as are moved while everybody waits. */
const retiredRows = 5_000

/**
 * Makes the monthly partitions of this month and the two to come, so that a worker may be away for two before rows
 * land in the default one, drops the sync sessions of months that ended a quarter ago, and those months of the log that
 * compaction has all but emptied.
 */
export async function maintainPartitions(
  asOwner: <Row extends object>(sql: string, values?: unknown[]) => Promise<Row[]>,
): Promise<void> {
  await asOwner('SELECT ensure_partitions(current_date, 2)')
  await asOwner(`SELECT drop_partitions('sync_session', current_date - $1::int)`, [sessionDays])
  for (const parent of ['feed_change', 'feed_commit']) {
    for (let isRetired = true; isRetired;) {
      const [row] = await asOwner<{ retired: boolean }>(
        `SELECT retire_partition($1, (current_date - answer_retention())::date, $2::int) AS retired`,
        [parent, retiredRows],
      )
      isRetired = row?.retired ?? false
    }
  }
}

/** Keeps the traces of the last week, 20,000 at most. @returns how many went */
export async function trimTraces(): Promise<number> {
  return database().$executeRaw`
    DELETE FROM sync_trace WHERE started_at < greatest(now() - make_interval(days => ${traceDays}),
      (SELECT started_at FROM sync_trace ORDER BY started_at DESC OFFSET ${traceRows} LIMIT 1))`
}

/** Keeps what devices reported in the last 90 days, the newest 500 of each. @returns how many went */
export async function trimDeviceEvents(): Promise<number> {
  return database().$executeRaw`
    DELETE FROM device_event e USING (
      SELECT id FROM (
        SELECT id, at, row_number() OVER (PARTITION BY device_id ORDER BY id DESC) AS rank FROM device_event
      ) ranked WHERE rank > ${eventsPerDevice} OR at < now() - make_interval(days => ${eventDays})
    ) old WHERE e.id = old.id`
}

/** @returns how many went */
export async function trimIdempotencyKeys(): Promise<number> {
  return database().$executeRaw`
    DELETE FROM idempotency_key WHERE created_at < now() - make_interval(hours => ${idempotencyHours})`
}

/** @returns how many went */
export async function trimRateLimits(): Promise<number> {
  return database().$executeRaw`
    DELETE FROM rate_limit WHERE expire < extract(epoch FROM now()) * 1000 - 3600000`
}

/** Minutes are kept for the week that the board shows, hours for a year. @returns how many went */
export async function trimRollups(): Promise<number> {
  const syncs = await database().$executeRaw`
    DELETE FROM sync_rollup WHERE (resolution = 'minute' AND bucket < now() - make_interval(days => ${minuteRollupDays}))
      OR (resolution = 'hour' AND bucket < now() - make_interval(days => ${hourRollupDays}))`
  const fleet = await database().$executeRaw`
    DELETE FROM fleet_rollup WHERE bucket < now() - make_interval(days => ${minuteRollupDays})`
  return syncs + fleet
}
