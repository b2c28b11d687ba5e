import { startSyncTracing } from '#lib/server/syncs/keep-traces.ts'
import { startWorker } from '#lib/server/worker/worker.ts'
import { logger } from '#lib/telemetry/log.ts'

// `npm run worker`: the background jobs in a process of their own, beside servers that run with WORKER=off.

if (!process.env['DATABASE_URL']) {
  console.error('DATABASE_URL is not set: the worker needs the database that the servers use.')
  process.exit(1)
}

if (!process.env['HOLDFAST_TOKEN_SECRET']) {
  console.error(
    'HOLDFAST_TOKEN_SECRET is not set: the worker signs checkpoints with the secret that the servers use.',
  )
  process.exit(1)
}

const tracing = startSyncTracing()
const worker = startWorker()
// The job queue's timers do not hold a process; this one lives until it is told to stop.
const alive = setInterval(() => undefined, 60_000)

async function stop(): Promise<void> {
  clearInterval(alive)
  await worker.stop()
  await tracing.stop()
  process.exit(0)
}

process.once('SIGINT', () => void stop())
process.once('SIGTERM', () => void stop())
await worker.ready
logger.info({ event: 'worker.started' }, 'background jobs run here')
