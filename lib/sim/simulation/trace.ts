import { createHash } from 'node:crypto'

/** What happened, in order: as a hash of everything, and as text of the last part, or of all of it. */
export class Trace {
  readonly #hash = createHash('sha256')
  readonly #lines: string[] = []
  readonly #keeps: number
  readonly #now: () => number
  lines = 0

  constructor(now: () => number, keeps: number) {
    this.#now = now
    this.#keeps = keeps
  }

  add(who: string, what: string): void {
    const line = `${this.#now().toFixed(1).padStart(10)} ${who.padEnd(9)} ${what}`
    this.lines++
    this.#hash.update(line).update('\n')
    this.#lines.push(line)
    if (this.#lines.length > 2 * this.#keeps) this.#lines.splice(0, this.#lines.length - this.#keeps)
  }

  tail(): string[] {
    return this.#lines.slice(-this.#keeps)
  }

  /** Ends the trace. */
  digest(): string {
    return this.#hash.digest('hex').slice(0, 16)
  }
}
