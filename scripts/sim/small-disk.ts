import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { PostgresOwner } from '../postgres/owner.ts'

/** Enough for one simulated database, and soon full. */
const sizeMegabytes = 192

/** A file system of its own that is as small as one likes, and on which the kernel itself refuses more room. */
export type SmallDisk = {
  /** Where PostgreSQL may put a tablespace. */
  folder: string
  /** Leaves no room: whatever would grow gets ENOSPC. */
  fill: () => Promise<void>
  free: () => Promise<void>
  end: () => Promise<void>
}

/** Inside, where the files belong to somebody. It ends when its standard input does: with us, however we end. */
const holder = `
mount -t tmpfs -o size=${sizeMegabytes}m,mode=0700 tmpfs /mnt && mkdir -m 0700 /mnt/tablespace && echo ready || exit 1
while read -r what; do
  case $what in fill) cat /dev/zero >/mnt/ballast 2>/dev/null ;; free) rm -f /mnt/ballast ;; esac
  echo ready
done`

/**
 * Mounts a tmpfs in a mount namespace of its own, which an ordinary user may where the kernel has user namespaces; it is
 * reached through /proc, and lives as long as the process that holds it.
 * @returns null where this machine does not let an ordinary user have one
 */
export async function makeSmallDisk(owner: PostgresOwner): Promise<SmallDisk | null> {
  if (process.platform !== 'linux') return null
  const child = spawn('unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', holder], {
    ...owner,
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const ended = new Promise<false>((resolve) => {
    child.once('error', () => resolve(false)).once('exit', () => resolve(false))
  })
  const lines = createInterface(child.stdout)
  const isReady = () => Promise.race([ended, once(lines, 'line').then(() => true)])
  if (!(await isReady())) return null
  const tell = async (what: 'fill' | 'free') => {
    const answered = isReady()
    child.stdin.write(`${what}\n`)
    if (!(await answered)) throw new Error('the small disk is gone')
  }
  return {
    folder: `/proc/${child.pid}/root/mnt/tablespace`,
    fill: () => tell('fill'),
    free: () => tell('free'),
    end: async () => {
      child.stdin.end()
      await ended
    },
  }
}
