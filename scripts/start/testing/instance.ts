import { spawn, type ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { root } from '../settings.ts'

export type Instance = {
  /** Of its process group, which holds everything it starts but PostgreSQL. */
  pid: number
  output: () => string
  /** @throws Error with its output if it ends first */
  ready: () => Promise<void>
  /** Resolves with the exit code, null if a signal ended it. */
  exited: Promise<number | null>
  /** @param whom the one process, or its whole group, as a terminal signals it */
  signal: (name: NodeJS.Signals, whom: 'process' | 'group') => void
}

/** `npm start`, in a process group of its own. */
export function startInstance(env: Record<string, string>): Instance {
  const child = spawn(process.execPath, ['scripts/start.mjs'], {
    cwd: root,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const exited = exit(child)
  const pid = child.pid ?? 0
  return {
    pid,
    output: () => output,
    exited,
    ready: async () => {
      while (!output.includes('Ctrl-C stops everything')) {
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`It ended.\n${output}`)
        await sleep(25)
      }
    },
    signal: (name, whom) => {
      try {
        process.kill(whom === 'group' ? -pid : pid, name)
      } catch {
        // It is gone already, which is what a signal is for.
      }
    },
  }
}

function exit(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('close', resolve))
}
