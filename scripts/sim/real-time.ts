import type { Time } from '#lib/sim/simulation/scheduler.ts'

/**
 * The time of devices and people beside real servers: the clock on the wall, some times as fast. Whatever a device waits
 * for by its own clock passes sooner; what a server or PostgreSQL takes, it takes.
 */
export class RealTime implements Time {
  readonly #speed: number
  readonly #startMs = Date.now()
  readonly #began = performance.now()
  #isOver = false

  constructor(speed: number) {
    this.#speed = speed
  }

  get nowMs(): number {
    return this.#startMs + this.elapsedMs
  }

  get elapsedMs(): number {
    return (performance.now() - this.#began) * this.#speed
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = setTimeout(() => this.#isOver || run(), Math.max(0, delayMs) / this.#speed)
    return () => clearTimeout(timer)
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve))
  }

  /** Nothing that still waits happens any more. */
  end(): void {
    this.#isOver = true
  }
}
