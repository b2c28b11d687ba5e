import { PgBoss } from 'pg-boss'
import { logger } from '#lib/telemetry/log.ts'
import { instruments } from '#lib/telemetry/metrics.ts'
import { jobs, type Job, type JobTools } from './jobs.ts'

export type Worker = {
  /** Resolves when the queues are set up and the first jobs can run. */
  ready: Promise<void>
  /** Lets running jobs end, within a few seconds, and disconnects. */
  stop: () => Promise<void>
}

/** pg-boss keeps its tables apart from ours, where migrations and the drift check do not look. */
const schema = 'pgboss'
const tickMs = 1_000
const retryMs = 5_000
const stopMs = 5_000
const depthEveryMs = 15_000
/** Who made a job runs it at once; the others look this often for one whose maker died. */
const pollSeconds = 30

/**
 * Runs the background jobs with any number of other processes: each job has a slot per interval, and whoever
 * asks first gets it. A job may be done twice or die in the middle, so every one is idempotent, and the next slot
 * does not wait for it: a queue that allows one active job at a time would, until a dead one expired. Comes back by
 * itself after an outage of the database.
 */
export function startWorker(connectionString = process.env['DATABASE_URL'] ?? ''): Worker {
  let boss: PgBoss | null = null
  let timer: NodeJS.Timeout | null = null
  let isStopping = false
  /** The last slot of each job that was asked for. */
  const asked = new Map<string, number>()
  /** Who runs each job here. */
  const workers = new Map<string, string>()
  let depthAtMs = 0

  async function connect(): Promise<void> {
    while (!isStopping) {
      // The owner of the database, not the application's role: jobs make partitions.
      const next = new PgBoss({
        connectionString,
        schema,
        max: 3,
        application_name: 'holdfast-worker',
        schedule: false,
      })
      next.on('error', (error) =>
        logger.warn({ event: 'worker.error', err: error }, 'the job queue has a problem'),
      )
      try {
        await next.start()
        for (const job of jobs) workers.set(job.name, await prepare(next, job))
        boss = next
        break
      } catch (error) {
        logger.warn({ event: 'worker.start_failed', err: error }, 'background jobs wait for the database')
        await next.stop({ graceful: false }).catch(() => undefined)
        await new Promise((resolve) => setTimeout(resolve, retryMs).unref())
      }
    }
    if (boss && !isStopping) void tick(boss)
  }

  async function tick(running: PgBoss): Promise<void> {
    for (const { name, everySeconds } of jobs) {
      const slot = Math.floor(Date.now() / 1_000 / everySeconds)
      if (asked.get(name) === slot) continue
      // Of all processes that ask for a slot, the first gets a job and the others null.
      const job = await running.send(name, null, { singletonSeconds: everySeconds }).catch(() => undefined)
      if (job !== undefined) asked.set(name, slot)
      if (job) running.notifyWorker(workers.get(name) ?? '')
    }
    if (Date.now() - depthAtMs > depthEveryMs) {
      depthAtMs = Date.now()
      await reportDepth(running)
    }
    if (!isStopping) timer = setTimeout(() => void tick(running), tickMs).unref()
  }

  const ready = connect()
  return {
    ready,
    stop: async () => {
      isStopping = true
      if (timer) clearTimeout(timer)
      await boss?.stop({ graceful: true, timeout: stopMs }).catch(() => undefined)
    },
  }
}

/** @returns the id of the worker that runs the job in this process */
async function prepare(boss: PgBoss, { name, everySeconds, run }: Job): Promise<string> {
  const tools: JobTools = {
    asOwner: async (sql, values) => (await boss.getDb().executeSql(sql, values)).rows,
  }
  await boss.createQueue(name, {
    retryLimit: 0,
    expireInSeconds: Math.max(120, everySeconds),
    // The table stays small: a job that did not run is not worth keeping, its next slot does the same.
    retentionSeconds: Math.max(60, everySeconds * 2),
    // A finished job holds its slot, so it stays at least that long.
    deleteAfterSeconds: Math.max(300, everySeconds * 2),
  })
  return boss.work(name, { pollingIntervalSeconds: pollSeconds }, async () => {
    try {
      await run(tools)
    } catch (error) {
      logger.error({ event: 'job.failed', job: name, err: error }, 'a background job failed')
      throw error
    }
  })
}

async function reportDepth(boss: PgBoss): Promise<void> {
  const queues = await boss.getQueues().catch(() => [])
  instruments().jobQueueDepth.set(queues.reduce((sum, queue) => sum + queue.readyCount, 0))
}
