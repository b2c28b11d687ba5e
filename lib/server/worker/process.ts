import { logger } from '#lib/telemetry/log.ts'
import { stampClientAddresses } from '../http/client-address.ts'
import { mendAddresses } from '../http/readable-address.ts'
import { startSyncTracing } from '../syncs/keep-traces.ts'
import { flushSyncRecords } from '../syncs/record.ts'
import { startWorker } from './worker.ts'

type Running = { stop: () => Promise<void> }
const holder = globalThis as { holdfastProcess?: Running }

/**
 * Starts what a server process does beside answering: tracing, what every request passes through, and the background
 * jobs unless they run elsewhere (`WORKER=off`, `npm run worker`). Once a process, however often it is called.
 * `stop` lets running jobs end and writes what is buffered; signals that end the process call it too.
 */
export function startProcess(): Running {
  holder.holdfastProcess ??= start()
  return holder.holdfastProcess
}

function start(): Running {
  mendAddresses()
  stampClientAddresses(process.env['HOLDFAST_TRUSTED_PROXIES'] ?? '')
  const tracing = startSyncTracing()
  const worker = process.env['WORKER'] === 'off' ? null : startWorker()
  if (worker) logger.info({ event: 'worker.started' }, 'background jobs run in this process')
  let workerStopped: Promise<void> | undefined
  // Twice, where requests were in flight at the signal: they buffer, too.
  const stop = async () => {
    workerStopped ??= worker?.stop()
    await Promise.allSettled([workerStopped, tracing.flush(), flushSyncRecords()])
  }
  for (const event of ['SIGTERM', 'SIGINT', 'beforeExit'] as const) process.once(event, () => void stop())
  return { stop }
}
