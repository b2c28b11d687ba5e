import {
  createDevice,
  createMemoryStore,
  type Clock,
  type Device,
  type MemoryStore,
  type Random,
  type Storage,
} from '../index.ts'
import type { Policy } from '../kernel.ts'
import { sha256Hex } from './model-answers.ts'
import { ModelServer } from './model-server.ts'

/** Time that passes only when somebody waits: every delay is over at once, and the clock has moved. */
export class VirtualClock implements Clock {
  ms = Date.parse('2026-11-22T08:00:00Z')
  /** Delays asked for, in order; timeouts that were cancelled are not among them. */
  readonly waited: number[] = []
  private readonly timers: { atMs: number; run: () => void }[] = []
  private isTicking = false

  nowMs = () => this.ms

  schedule(delayMs: number, callback: () => void): () => void {
    const timer = {
      atMs: this.ms + delayMs,
      run: () => {
        this.waited.push(delayMs)
        callback()
      },
    }
    this.timers.push(timer)
    void this.tick()
    return () => {
      const index = this.timers.indexOf(timer)
      if (index >= 0) this.timers.splice(index, 1)
    }
  }

  /** Lets everything that is under way come to rest, then moves on to the next timer. */
  private async tick(): Promise<void> {
    if (this.isTicking) return
    this.isTicking = true
    while (this.timers.length > 0) {
      await new Promise((resolve) => setImmediate(resolve))
      const next = this.timers.toSorted((a, b) => a.atMs - b.atMs)[0]
      if (!next) break
      this.timers.splice(this.timers.indexOf(next), 1)
      this.ms = Math.max(this.ms, next.atMs)
      next.run()
    }
    this.isTicking = false
  }
}

/** The same bytes for the same seed (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  return { bytes: (length) => Uint8Array.from({ length }, () => next() & 0xff) }
}

export interface Bench {
  readonly clock: VirtualClock
  readonly server: ModelServer
  /** An enrolled device on a store of its own. */
  device(options?: BenchDeviceOptions): Promise<{ device: Device; store: MemoryStore; clock: Clock }>
}

export interface BenchDeviceOptions {
  readonly seed?: number
  readonly scopes?: readonly string[]
  readonly store?: MemoryStore
  /** What stands between the device and its store. */
  readonly through?: (store: MemoryStore) => Storage
  readonly policy?: Partial<Policy>
  /** How wrong the device's clock is. */
  readonly clockOffsetMs?: number
}

/** A model server and devices on it, in virtual time. */
export function createBench(): Bench {
  const clock = new VirtualClock()
  const server = new ModelServer(clock.nowMs)
  let devices = 0
  return {
    clock,
    server,
    async device(options = {}) {
      devices += 1
      const store = options.store ?? createMemoryStore()
      const offsetMs = options.clockOffsetMs ?? 0
      const own: Clock = {
        nowMs: () => clock.nowMs() + offsetMs,
        schedule: (delayMs, callback) => clock.schedule(delayMs, callback),
      }
      const device = await createDevice({
        storage: options.through?.(store) ?? store,
        transport: server.transport(),
        clock: own,
        random: seededRandom(options.seed ?? devices),
        sha256Hex,
        ...(options.policy ? { policy: options.policy } : {}),
      })
      const { isEnrolled } = await device.overview()
      if (!isEnrolled) {
        await device.enroll({
          enrollmentKey: 'key',
          name: `Tablet ${devices}`,
          platform: 'android',
          appVersion: '3.4.1',
          scopes: options.scopes ?? ['default'],
        })
      }
      return { device, store, clock: own }
    },
  }
}
