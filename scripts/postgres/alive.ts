import { readFileSync } from 'node:fs'

/**
 * Whether a process still runs. One that has ended and was not yet waited for (a zombie: all it leaves is its
 * number) does not: in a container whose first process waits for nobody, an orphan stays one for ever.
 */
export function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  return !isZombie(pid)
}

/** proc_pid_stat(5): the state follows the command in parentheses, which may hold parentheses of its own. */
function isZombie(pid: number): boolean {
  if (process.platform !== 'linux') return false
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return /^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))
  } catch {
    return false
  }
}
