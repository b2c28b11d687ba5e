import { readFile, readdir } from 'node:fs/promises'

/** Who uses the processor during a benchmark. */
export type CpuUse = { clientMs: number; serverMs: number; postgresMs: number }

/** Linux counts the time of processes in hundredths of a second, whatever the machine. */
const tickMs = 10

/**
 * Processor time used so far, by role. On a machine that others use too, it tells what work costs when the clock cannot.
 * @returns null where there is no /proc
 */
export async function readCpuUse(pids: { server: number; postgres: number }): Promise<CpuUse | null> {
  const { user, system } = process.cpuUsage()
  const [server, postgres] = [await readStat(pids.server), await readStat(pids.postgres)]
  if (!server || !postgres) return null
  const stats = await Promise.all((await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(readStat))
  const backends = stats.filter((stat) => stat?.parent === pids.postgres)
  return {
    clientMs: (user + system) / 1_000,
    serverMs: server.ownMs,
    // Backends that ended are counted with their parent.
    postgresMs: backends.reduce((sum, stat) => sum + (stat?.ownMs ?? 0), postgres.ownMs + postgres.endedMs),
  }
}

/** See proc_pid_stat(5); the second field, the program's name, may hold anything but a last parenthesis. */
async function readStat(pid: number | string) {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  if (text === null) return null
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const sum = (...at: number[]) => at.reduce((total, i) => total + (fields[i] ?? 0), 0) * tickMs
  return { parent: fields[1], ownMs: sum(11, 12), endedMs: sum(13, 14) }
}
