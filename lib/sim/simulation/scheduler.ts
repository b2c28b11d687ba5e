type Event = { atMs: number; order: number; run: (() => void) | null }

/** What everybody in a simulation reads the time by, and waits by. */
export interface Time {
  readonly nowMs: number
  /** Since the start. */
  readonly elapsedMs: number
  /** Runs once, after a delay. @returns what takes it back */
  after: (delayMs: number, run: () => void) => () => void
  sleep: (delayMs: number) => Promise<void>
}

/**
 * Virtual time. One thing happens after the other: an event runs, everything that it set going comes to rest, and only
 * then the clock moves to the next event.
 */
export class Scheduler implements Time {
  nowMs: number
  readonly #startMs: number
  #order = 0
  readonly #heap: Event[] = []
  /** Events that ran. */
  steps = 0

  constructor(startMs: number) {
    this.nowMs = startMs
    this.#startMs = startMs
  }

  /** Since the start. */
  get elapsedMs(): number {
    return this.nowMs - this.#startMs
  }

  /** Runs once, after a delay. @returns what takes it back */
  after(delayMs: number, run: () => void): () => void {
    const event: Event = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, run }
    this.#push(event)
    return () => {
      event.run = null
    }
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve))
  }

  /** Lets time pass until `isOver`, or until `untilMs`. @returns whether it was over in time */
  async run(isOver: () => boolean, untilMs: number): Promise<boolean> {
    for (;;) {
      await rest()
      if (isOver()) return true
      const next = this.#pop()
      if (!next || next.atMs > untilMs) {
        if (next) this.#push(next)
        this.nowMs = Math.max(this.nowMs, untilMs)
        return false
      }
      if (next.run === null) continue
      this.nowMs = Math.max(this.nowMs, next.atMs)
      this.steps++
      next.run()
    }
  }

  #push(event: Event): void {
    const heap = this.#heap
    heap.push(event)
    let at = heap.length - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(event, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  #pop(): Event | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (!first || !last || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}

const isBefore = (a: Event, b: Event): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

/** Every promise that can settle has settled when the next turn of Node's own loop begins. */
const rest = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
