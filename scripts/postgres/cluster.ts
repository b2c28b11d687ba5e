import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { postgresBinaries } from './binaries.ts'
import { guard } from './guard.ts'
import { commandFor, giveTo, postgresOwner, type Command } from './owner.ts'
import { clearPreviousServer, stopServer } from './previous.ts'

/** How long crash recovery, or the leftovers of a killed server, may hold up a start. */
const startTimeoutMs = 60_000

export type ClusterOptions = {
  /** Folder of the cluster; created by {@link createCluster}. */
  dir: string
  port: number
  password: string
  /** The server's own log, appended to. */
  logFile: string
  /** Server settings (`fsync: 'off'`) on top of ours. */
  settings?: Record<string, string>
}

export type Cluster = {
  /** Connection string of a database in this cluster. */
  url: (database: string) => string
  pid: number
  /** Settles when the server process has ended, for whatever reason. */
  exited: Promise<void>
  /** Disconnects everybody, writes a checkpoint, ends. */
  stop: () => Promise<void>
}

/**
 * Makes a cluster: all or nothing, so that a kill in the middle leaves no half-made folder behind.
 * UTF-8 with code-point order, whatever the locale of the machine.
 * @returns false if there was one already
 */
export async function createCluster(
  dir: string,
  password: string,
  options?: { durable: boolean },
): Promise<boolean> {
  const target = resolve(dir)
  if (await readFile(join(target, 'PG_VERSION')).catch(() => null)) return false
  const [{ initdb }, owner] = await Promise.all([postgresBinaries(), postgresOwner()])
  const draft = `${target}.new`
  const passwordFile = `${target}.password`
  await rm(draft, { recursive: true, force: true })
  await mkdir(draft, { recursive: true, mode: 0o700 })
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 })
  await Promise.all([giveTo(owner, draft), giveTo(owner, passwordFile)])
  const args = [
    `--pgdata=${draft}`,
    '--username=holdfast',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    ...(options?.durable === false ? ['--no-sync'] : []),
  ]
  try {
    await complete(await commandFor(owner, initdb, args, [draft]))
  } finally {
    await rm(passwordFile, { force: true })
  }
  await rename(draft, target)
  return true
}

/**
 * Starts the server of a cluster on the loopback interface and waits until it takes connections.
 * Leftovers of a killed instance are cleared first. The server is outside our process group, so that Ctrl-C
 * reaches it last, when we say so; a guard stops it should we be killed.
 * @throws Error with the end of the server's log if it does not come up within a minute
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const dir = resolve(options.dir)
  const [{ postgres }, owner] = await Promise.all([postgresBinaries(), postgresOwner()])
  await clearPreviousServer(dir)
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    port: String(options.port),
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_checkpoints: 'off',
    // Our statements are short and prepared: compiling them costs more than it saves.
    jit: 'off',
    ...options.settings,
  }
  const args = ['-D', dir, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
  const command = await commandFor(owner, postgres, args, [dir])
  const deadline = Date.now() + startTimeoutMs
  for (;;) {
    const log = await open(options.logFile, 'a', 0o600)
    const { size: logStart } = await log.stat()
    const child = launch(command, log.fd)
    await log.close()
    if (await isReady(child, dir, deadline)) return running(child, dir, options)
    const said = (await readFile(options.logFile)).subarray(logStart).toString().trim()
    // Backends of a server that was killed a moment ago still hold its shared memory; they leave by themselves.
    const isWaiting = said.includes('pre-existing shared memory') && Date.now() < deadline
    if (!isWaiting) throw new Error(`PostgreSQL did not start.\n${said.split('\n').slice(-12).join('\n')}`)
    await sleep(250)
  }
}

function launch({ file, args, owner }: Command, logFd: number): ChildProcess {
  return spawn(file, args, { ...owner, detached: true, stdio: ['ignore', logFd, logFd] })
}

function running(child: ChildProcess, dir: string, { port, password }: ClusterOptions): Cluster {
  const pid = child.pid ?? 0
  const exited =
    child.exitCode === null && child.signalCode === null ? once(child, 'exit') : Promise.resolve([])
  const release = guard(pid, join(dir, 'postmaster.pid'))
  child.unref()
  return {
    pid,
    url: (database) => `postgresql://holdfast:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`,
    exited: exited.then(() => release()),
    stop: async () => {
      await stopServer(pid)
      await exited
      release()
    },
  }
}

/** The server writes its state into the eighth line of its pid file; this is how `pg_ctl` waits, too. */
async function isReady(child: ChildProcess, dir: string, deadline: number): Promise<boolean> {
  while (child.exitCode === null && child.signalCode === null && Date.now() < deadline) {
    const lines = (await readFile(join(dir, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
    if (lines[0] === String(child.pid) && lines[7]?.trim() === 'ready') return true
    await sleep(20)
  }
  child.kill('SIGQUIT')
  return false
}

async function complete({ file, args, owner }: Command): Promise<void> {
  const child = spawn(file, args, { ...owner, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stdout.on('data', (chunk) => (said += chunk))
  child.stderr.on('data', (chunk) => (said += chunk))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`PostgreSQL could not create its data directory.\n${said.trim()}`)
}
