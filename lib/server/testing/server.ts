import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findFreePort } from '#scripts/postgres/port.ts'
import { ensureBuild } from '#scripts/start/build.ts'
import { lifeline } from '#scripts/start/lifeline.ts'
import { webProcess } from '#scripts/start/server.ts'

const root = resolve(import.meta.dirname, '../../..')
const readyTimeoutMs = 60_000
const stopTimeoutMs = 5_000

export type TestServerOptions = {
  /** Connection string of its database: `(await testDatabase()).url`. */
  databaseUrl: string
  /** Defaults to a free one. Give the old one to bring a server back where its clients look for it. */
  port?: number
  env?: Record<string, string>
  /** Next for everybody, devices too: what the product's own door is measured against. */
  nextAlone?: boolean
}

export type TestServer = {
  /** `http://127.0.0.1:<port>` */
  url: string
  port: number
  /** What it wrote to standard output and standard error so far: JSON lines, mostly. */
  output: () => string
  /** Asks it to stop, as Ctrl-C would, and waits until it has. */
  stop: () => Promise<void>
  /** Ends it on the spot, in the middle of whatever it does. */
  kill9: () => Promise<void>
}

/**
 * Starts the production build on a database of one's own, as `npm start` would, and waits for `/readyz`.
 * Builds first if the sources changed since the last build. Stop it in `afterAll`.
 * @throws Error with the end of its output if it does not become ready
 */
export async function startTestServer({
  databaseUrl,
  port: wanted,
  env,
  nextAlone,
}: TestServerOptions): Promise<TestServer> {
  const distDir = process.env['NEXT_DIST_DIR'] ?? '.next'
  await ensureBuild(distDir)
  const port = wanted ?? (await findFreePort())
  const url = `http://127.0.0.1:${port}`
  const program = nextAlone ? ['node_modules/next/dist/bin/next', 'start'] : webProcess('production')
  const web = [...program, '--hostname', '127.0.0.1', '--port', String(port)]
  const child = spawn(process.execPath, [...lifeline, ...web], {
    cwd: root,
    env: {
      ...process.env,
      NODE_ENV: 'production',
      NEXT_DIST_DIR: distDir,
      NEXT_TELEMETRY_DISABLED: '1',
      DATABASE_URL: databaseUrl,
      ...testSecrets,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk))
  const exited = once(child, 'exit')
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    const giveUp = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
    await exited
    clearTimeout(giveUp)
  }
  const deadline = Date.now() + readyTimeoutMs
  while (!(await isReady(url))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await end('SIGKILL')
      throw new Error(`The test server did not become ready.\n${output.slice(-4_000)}`)
    }
    await sleep(50)
  }
  return { url, port, output: () => output, stop: () => end('SIGTERM'), kill9: () => end('SIGKILL') }
}

const testSecrets = {
  HOLDFAST_SESSION_SECRET: 'a session secret for tests, nothing else',
  HOLDFAST_TOKEN_SECRET: 'a token secret for tests, nothing else',
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) })).ok
  } catch {
    return false
  }
}
