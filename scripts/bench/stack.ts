import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCluster, startCluster } from '../postgres/cluster.ts'
import { createDatabase } from '../postgres/database.ts'
import { findFreePort } from '../postgres/port.ts'
import { generateClient } from '../prisma/generate.ts'
import { applyMigrations } from '../prisma/migrations.ts'
import { ensureAccounts } from '../start/accounts.ts'
import { ensureBuild } from '../start/build.ts'
import { ensureSecrets } from '../start/secrets.ts'
import { serverEnvironment, webProcess } from '../start/server.ts'
import { readSettings, root } from '../start/settings.ts'

const readyTimeoutMs = 60_000

/** A server as `npm start` makes it, and an empty database of the same shape beside it. */
export type Stack = {
  origin: string
  apiKey: string
  enrollmentKey: string
  /** The server's database. */
  databaseUrl: string
  /** Another web process on the same database, with other settings. */
  another: (environment: Record<string, string>) => Promise<{ origin: string; pid: number }>
  /** A second one in the same PostgreSQL, migrated alike: there the limit is measured. */
  limitUrl: string
  pids: { server: number; postgres: number }
  stop: () => Promise<void>
}

/**
 * Starts a PostgreSQL of its own with everything as durable as in production, and the production server on it.
 * @param profileDir the server writes a CPU profile there when it stops
 */
export async function startStack(distDir: string, profileDir: string | null): Promise<Stack> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
  const running: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })]
  const stop = async () => {
    for (const end of running.splice(0).toReversed()) await end()
  }
  try {
    await generateClient()
    await ensureBuild(distDir)
    const port = await findFreePort()
    const apiKey = `bench_${crypto.randomUUID()}`
    const enrollmentKey = `bench_${crypto.randomUUID()}`
    const environment: NodeJS.ProcessEnv = {
      NODE_ENV: 'production',
      PORT: String(port),
      HOLDFAST_DATA_DIR: folder,
      HOLDFAST_DEMO: 'off',
      HOLDFAST_API_KEY: apiKey,
      HOLDFAST_ENROLLMENT_KEY: enrollmentKey,
      NEXT_DIST_DIR: distDir,
    }
    const settings = readSettings(environment, 'production')
    const secrets = await ensureSecrets(folder)
    await mkdir(join(folder, 'logs'))
    const dir = join(folder, 'postgres')
    await createCluster(dir, secrets.postgresPassword)
    const cluster = await startCluster({
      ...{ dir, port: await findFreePort(), password: secrets.postgresPassword },
      logFile: join(folder, 'logs/postgres.log'),
    })
    running.push(cluster.stop)
    const urls = { databaseUrl: cluster.url('holdfast'), limitUrl: cluster.url('limit') }
    for (const url of Object.values(urls)) {
      await createDatabase(url)
      await applyMigrations(url)
    }
    await ensureAccounts(settings, secrets, urls.databaseUrl)
    const server = await startServer({
      port,
      environment: serverEnvironment(settings, secrets, urls.databaseUrl),
      logFile: join(folder, 'logs/server.log'),
      profileDir,
    })
    running.push(server.stop)
    const pids = { server: server.pid, postgres: cluster.pid }
    const another: Stack['another'] = async (more) => {
      const other = await findFreePort()
      const { pid, stop: end } = await startServer({
        port: other,
        environment: { ...serverEnvironment(settings, secrets, urls.databaseUrl), WORKER: 'off', ...more },
        logFile: join(folder, `logs/server-${other}.log`),
        profileDir: null,
      })
      running.push(end)
      return { origin: `http://127.0.0.1:${other}`, pid }
    }
    return { origin: settings.origin, apiKey, enrollmentKey, ...urls, pids, another, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Its log goes straight to a file: a supervisor that copied it would be measured, too. */
async function startServer(options: {
  port: number
  environment: NodeJS.ProcessEnv
  logFile: string
  profileDir: string | null
}): Promise<{ pid: number; stop: () => Promise<void> }> {
  const { port, logFile, profileDir } = options
  const log = await open(logFile, 'a')
  const child = spawn(
    process.execPath,
    [
      ...(profileDir ? ['--cpu-prof', `--cpu-prof-dir=${resolve(profileDir)}`] : []),
      ...[...webProcess('production'), '--port', String(port), '--hostname', '127.0.0.1'],
    ],
    { cwd: root, env: options.environment, stdio: ['ignore', log.fd, log.fd] },
  )
  await log.close()
  const exited = once(child, 'exit')
  const stop = async () => {
    child.kill('SIGTERM')
    await exited
  }
  const deadline = Date.now() + readyTimeoutMs
  while (!(await isReady(port))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop()
      throw new Error(`The server did not start.\n${(await readFile(logFile, 'utf8')).slice(-4_000)}`)
    }
    await sleep(100)
  }
  return { pid: child.pid ?? 0, stop }
}

async function isReady(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/readyz`)).status === 200
  } catch {
    return false
  }
}
