import { spawn, type ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { lifeline } from './lifeline.ts'
import type { LogFile } from './log-file.ts'
import { say } from './progress.ts'
import { root } from './settings.ts'

const firstDelayMs = 500
const maxDelayMs = 30_000
/** A process that ran this long was well: the next failure counts as its first. */
const wellAfterMs = 60_000

export type ServiceOptions = {
  /** As a person would call it: "The server". */
  name: string
  /** Arguments of Node: a script with its own. */
  args: string[]
  env: NodeJS.ProcessEnv
  log: LogFile
  /** How long it may take to finish what it is doing when asked to stop. */
  graceMs: number
  /** Aborted once everything is about to stop: Ctrl-C ends the process, too, and it must not come back. */
  shutdown: AbortSignal
}

export type Service = {
  /** Settles when the process ends for the first time. */
  firstExit: Promise<number | null>
  stop: () => Promise<void>
}

/** Runs a Node process and starts it again, ever more slowly, whenever it ends by itself. */
export function runService({ name, args, env, log, graceMs, shutdown }: ServiceOptions): Service {
  const stopped = new AbortController()
  const stopping = AbortSignal.any([stopped.signal, shutdown])
  let child = launch(args, env, log)
  const firstExit = exit(child)
  const watch = async () => {
    for (let failures = 0; ; failures++) {
      const startedAt = Date.now()
      const code = await exit(child)
      if (stopping.aborted) return
      if (Date.now() - startedAt > wellAfterMs) failures = 0
      const delayMs = Math.min(maxDelayMs, firstDelayMs * 2 ** failures)
      say(`${name} ended (${code ?? 'killed'}); starting it again in ${delayMs / 1000} s.`)
      await sleep(delayMs, undefined, { signal: stopping }).catch(() => undefined)
      if (stopping.aborted) return
      child = launch(args, env, log)
    }
  }
  const watching = watch()
  return {
    firstExit,
    stop: async () => {
      stopped.abort()
      child.kill('SIGTERM')
      const giveUp = setTimeout(() => child.kill('SIGKILL'), graceMs)
      await watching
      clearTimeout(giveUp)
    },
  }
}

function launch(args: string[], env: NodeJS.ProcessEnv, log: LogFile): ChildProcess {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...lifeline, ...args], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      log.write(chunk)
      // Collected by whoever runs us; at a terminal the log would push the welcome off the screen.
      if (!process.stdout.isTTY) process.stdout.write(chunk)
    })
  }
  return child
}

function exit(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode)
  return new Promise((resolve) => {
    child.once('exit', resolve)
    child.once('error', () => resolve(null))
  })
}
