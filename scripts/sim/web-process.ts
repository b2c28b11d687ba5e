import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { findFreePort } from '../postgres/port.ts'
import { lifeline } from '../start/lifeline.ts'
import { webProcess } from '../start/server.ts'
import { root } from '../start/settings.ts'

const readyTimeoutMs = 60_000

export type WebProcessOptions = {
  name: string
  env: Record<string, string>
  distDir: string
  /** Its own log, appended to by each of its lives. */
  logFile: string
}

/** One web process of the production build, on one port: killed, frozen and started again. */
export class WebProcess {
  readonly name: string
  readonly port: number
  readonly #options: WebProcessOptions
  #child: ChildProcess | null = null

  private constructor(options: WebProcessOptions, port: number) {
    this.#options = options
    this.name = options.name
    this.port = port
  }

  /** A process that has yet to `begin`. */
  static async prepare(options: WebProcessOptions): Promise<WebProcess> {
    return new WebProcess(options, await findFreePort())
  }

  get isAlive(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Starts it. It answers a while later: see `ready`. */
  async begin(): Promise<void> {
    const { env, distDir, logFile } = this.#options
    const log = await open(logFile, 'a')
    const args = [...lifeline, ...webProcess('production'), '--hostname', '127.0.0.1']
    this.#child = spawn(process.execPath, [...args, '--port', String(this.port)], {
      cwd: root,
      env: {
        ...process.env,
        ...{ NODE_ENV: 'production', NEXT_DIST_DIR: distDir, NEXT_TELEMETRY_DISABLED: '1' },
        ...env,
      },
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
    })
    await log.close()
  }

  /** @throws Error with the end of its log if it does not become ready */
  async ready(): Promise<void> {
    const deadline = Date.now() + readyTimeoutMs
    while (!(await this.#answers())) {
      if (!this.isAlive || Date.now() > deadline) {
        await this.kill()
        throw new Error(`${this.name} did not become ready.\n${await this.logTail()}`)
      }
      await sleep(100)
    }
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Stands still for a while, connections open and all. */
  async freeze(ms: number): Promise<void> {
    const child = this.#child
    if (!this.isAlive || !child) return
    child.kill('SIGSTOP')
    await sleep(ms)
    child.kill('SIGCONT')
  }

  async stop(): Promise<void> {
    const giveUp = setTimeout(() => this.#child?.kill('SIGKILL'), 5_000)
    await this.#end('SIGTERM')
    clearTimeout(giveUp)
  }

  async logTail(characters = 4_000): Promise<string> {
    return (await this.#log()).slice(-characters)
  }

  /** What it logged of the request that a problem names, or the end of its log. */
  async logOf(problem: string): Promise<string> {
    const traceId = /"trace_id":"([0-9a-f]{32})"/.exec(problem)?.[1]
    const lines = (await this.#log()).split('\n').filter((line) => traceId && line.includes(traceId))
    return lines.length > 0 ? lines.join('\n') : this.logTail(1_500)
  }

  #log(): Promise<string> {
    return readFile(this.#options.logFile, 'utf8').catch(() => '')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (!this.isAlive || !child) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }

  async #answers(): Promise<boolean> {
    try {
      return (await fetch(`http://127.0.0.1:${this.port}/readyz`, { signal: AbortSignal.timeout(2_000) })).ok
    } catch {
      return false
    }
  }
}
