import { spawn } from 'node:child_process'

/** Waits for its standard input to end, then stops the server if the pid file still names the one it guards. */
const script = 'cat >/dev/null; [ "$(head -n 1 "$2" 2>/dev/null)" = "$1" ] && kill -INT "$1"'

/**
 * Ties the life of a PostgreSQL server to ours: whatever ends this process, the pipe to the guard closes and
 * the guard asks the server to shut down. It is in a process group of its own, because `kill -9` of ours would
 * take it along. Windows has no such groups, and no need: there the server goes with the console.
 * @returns lets the guard go, once the server has been stopped in order
 */
export function guard(serverPid: number, pidFile: string): () => void {
  if (process.platform === 'win32') return () => undefined
  const child = spawn('/bin/sh', ['-c', script, 'guard', String(serverPid), pidFile], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.on('error', () => undefined)
  child.unref()
  const { stdin } = child
  if ('unref' in stdin && typeof stdin.unref === 'function') stdin.unref()
  return () => stdin.destroy()
}
