import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isPortFree } from '../postgres/port.ts'
import { openLog } from './log-file.ts'
import type { Secrets } from './secrets.ts'
import { runService } from './service.ts'
import type { Settings } from './settings.ts'

/** Whoever held the port before, a killed instance of ours perhaps, may take a moment to go. */
const portGraceMs = 5_000
const readyTimeoutMs = 60_000
/** Requests in flight finish in this time; live pages and pokes hold their connections open for ever. */
const drainMs = 3_000

/** @throws Error if something else listens on the port */
export async function claimPort({ port, host }: Settings): Promise<void> {
  const deadline = Date.now() + portGraceMs
  while (!(await isPortFree(port, host))) {
    if (Date.now() > deadline)
      throw new Error(`Port ${port} on ${host} is in use. Stop what uses it, or set PORT.`)
    await sleep(100)
  }
}

export type Server = {
  /** @throws Error with the end of the log if the server ends or is not ready within a minute */
  ready: () => Promise<void>
  stop: () => Promise<void>
}

/** Starts the web process; it is started again should it die. */
export function startServer(
  settings: Settings,
  secrets: Secrets,
  databaseUrl: string,
  shutdown: AbortSignal,
): Server {
  const { mode, port, host, dataDir, origin } = settings
  const log = openLog(join(dataDir, 'logs/server.log'))
  const { firstExit, stop } = runService({
    name: 'The server',
    args: [...webProcess(mode), '--port', String(port), '--hostname', host],
    env: serverEnvironment(settings, secrets, databaseUrl),
    log,
    graceMs: drainMs,
    shutdown,
  })
  let hasEnded = false
  void firstExit.then(() => (hasEnded = true))
  const ready = async () => {
    const deadline = Date.now() + readyTimeoutMs
    while (!(await answers(`${origin}/readyz`))) {
      shutdown.throwIfAborted()
      if (hasEnded) throw new Error(`The server ended while starting.\n${log.tail()}`)
      if (Date.now() > deadline) throw new Error(`The server was not ready within a minute.\n${log.tail()}`)
      await sleep(100)
    }
  }
  return { ready, stop }
}

/** What Node runs to serve. In development Next is alone: it reloads the device routes with the rest. */
export function webProcess(mode: Settings['mode']): string[] {
  return mode === 'production' ? ['scripts/web.ts'] : ['node_modules/next/dist/bin/next', 'dev']
}

/** What the web process gets to know. */
export function serverEnvironment(
  settings: Settings,
  secrets: Secrets,
  databaseUrl: string,
): NodeJS.ProcessEnv {
  const { mode, dataDir, distDir } = settings
  return {
    ...process.env,
    NODE_ENV: mode,
    NEXT_DIST_DIR: distDir,
    NEXT_TELEMETRY_DISABLED: '1',
    DATABASE_URL: databaseUrl,
    HOLDFAST_DATA_DIR: dataDir,
    HOLDFAST_TOKEN_SECRET: settings.secrets.token ?? secrets.token,
    HOLDFAST_SESSION_SECRET: settings.secrets.session ?? secrets.session,
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const { status } = await fetch(url, { signal: AbortSignal.timeout(5_000) })
    return status === 200
  } catch {
    return false
  }
}
