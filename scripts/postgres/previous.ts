import { execFile } from 'node:child_process'
import { readFile, readlink, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { isAlive } from './alive.ts'

/** Fast shutdown first; immediate (crash-safe, recovers at the next start) and a kill only if it hangs. */
const escalation = [
  { signal: 'SIGINT', waitMs: 15_000 },
  { signal: 'SIGQUIT', waitMs: 5_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
] as const

/**
 * Clears what a killed instance left in its cluster folder. The caller holds the lock of the data directory,
 * so a server that still runs on it has lost its owner: it is stopped. A `postmaster.pid` whose number now
 * belongs to some other program would make PostgreSQL refuse to start: it is made to name this process, which
 * PostgreSQL knows cannot be a server (its own parent), so that it goes on to its own check of shared memory.
 */
export async function clearPreviousServer(clusterDir: string): Promise<void> {
  const pidFile = join(clusterDir, 'postmaster.pid')
  const content = await readFile(pidFile, 'utf8').catch(() => null)
  if (content === null) return
  const pid = Number.parseInt(content, 10)
  if (!isAlive(pid)) return
  if (await isServerOf(pid, clusterDir)) return stopServer(pid)
  await writeFile(pidFile, content.replace(/^.*/, String(process.pid)))
}

/** Stops a PostgreSQL server, harder the longer it takes. @returns when the process is gone */
export async function stopServer(pid: number): Promise<void> {
  for (const { signal, waitMs } of escalation) {
    if (!signalled(pid, signal)) return
    const deadline = Date.now() + waitMs
    while (Date.now() < deadline) {
      if (!isAlive(pid)) return
      await sleep(25)
    }
  }
}

function signalled(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}

/** A PostgreSQL server works in its cluster folder; where that cannot be read, its command line names it. */
async function isServerOf(pid: number, clusterDir: string): Promise<boolean> {
  const folder = await realpath(clusterDir)
  if (process.platform === 'linux') return (await readlink(`/proc/${pid}/cwd`).catch(() => '')) === folder
  const listed = await promisify(execFile)('ps', ['-p', String(pid), '-o', 'command=']).catch(() => ({
    stdout: '',
  }))
  return (
    listed.stdout.includes('postgres') &&
    (listed.stdout.includes(folder) || listed.stdout.includes(clusterDir))
  )
}
