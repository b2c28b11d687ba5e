import { logger } from '#lib/telemetry/log.ts'
import { startSyncTracing } from '../syncs/keep-traces.ts'
import { startWorker, type Worker } from './worker.ts'

const holder = globalThis as { holdfastProcess?: Promise<Worker | null> }

/**
 * Starts what a server process does beside answering: tracing, and the background jobs unless they run elsewhere
 * (`WORKER=off`, `npm run worker`). Once a process, however often it is called.
 */
export async function startProcess(options: { worker: boolean }): Promise<void> {
  holder.holdfastProcess ??= start(options)
  await holder.holdfastProcess
}

async function start({ worker }: { worker: boolean }): Promise<Worker | null> {
  const tracing = startSyncTracing()
  // Next ends the process by itself at SIGTERM; what is buffered leaves before.
  process.once('beforeExit', () => void tracing.flush().catch(() => undefined))
  process.once('SIGTERM', () => void tracing.flush().catch(() => undefined))
  if (!worker) return null
  const started = startWorker()
  process.once('SIGTERM', () => void started.stop())
  process.once('SIGINT', () => void started.stop())
  logger.info({ event: 'worker.started' }, 'background jobs run in this process')
  return started
}
