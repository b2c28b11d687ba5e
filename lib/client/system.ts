import type { Clock, Random } from './ports.ts'

/** The timers of a browser, a worker, or Node. */
interface Timers<Handle> {
  setTimeout(callback: () => void, delayMs: number): Handle
  clearTimeout(handle: Handle): void
}

/** The device's own clock. Call it with `globalThis`. */
export function createSystemClock<Handle>(timers: Timers<Handle>): Clock {
  return {
    nowMs: () => Date.now(),
    schedule(delayMs, callback) {
      const handle = timers.setTimeout(callback, delayMs)
      return () => timers.clearTimeout(handle)
    },
  }
}

/** Strong random bytes. Call it with `globalThis.crypto`. */
export function createSystemRandom(crypto: {
  getRandomValues(array: Uint8Array<ArrayBuffer>): unknown
}): Random {
  return {
    bytes(length) {
      const bytes = new Uint8Array(length)
      crypto.getRandomValues(bytes)
      return bytes
    },
  }
}
