import { DEFAULT_BACKOFF, type BackoffPolicy } from '#lib/core/backoff.ts'
import { DEFAULT_BREAKER, type BreakerPolicy } from '#lib/core/breaker.ts'
import { lamportClock, type LamportClock } from '#lib/core/lamport.ts'
import type { Sha256Hex } from '#lib/protocol/checksum.ts'
import { createCounters, type Counters } from './counters.ts'
import { createLock, type Lock } from './lock.ts'
import type { Clock, Random, Storage, Transport } from './ports.ts'
import { portableSha256Hex } from './sha256.ts'
import { createTextWriters, type TextWriters } from './text-writers.ts'
import { Unit } from './unit.ts'

/** What every part of one device shares: the ports, the policies, and the right to write. */
export interface Kernel {
  readonly storage: Storage
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  readonly sha256Hex: Sha256Hex
  readonly policy: Policy
  /** Held by whoever reads in order to write, so that no two interleave. Never across the network. */
  readonly lock: Lock
  /** Orders what happens here and on the server in one sync. In memory: a life's order begins anew with it. */
  readonly lamport: LamportClock
  readonly textWriters: TextWriters
  readonly counters: Counters
}

export interface Policy {
  readonly backoff: BackoffPolicy
  readonly breaker: BreakerPolicy
  /** A request without an answer for this long is given up. */
  readonly timeoutMs: number
  /** Changes asked for per pull page. */
  readonly pullLimit: number
  /** Refusals of one operation after which it is given up, on either side: the protocol's five. */
  readonly maxAttempts: number
  /** Version of the record schemas this app was built for. */
  readonly schemaVersion: number
  /** How often this device makes sure that its rows are what the server has. */
  readonly digestIntervalMs: number
  /**
   * How long, and up to what size, answered operations are kept for a server that is restored to an
   * older state. No longer than the server remembers its answers: it would take one for new.
   */
  readonly journal: { readonly maxAgeMs: number; readonly maxBytes: number }
}

export interface KernelOptions {
  readonly storage: Storage
  readonly transport: Transport
  readonly clock: Clock
  readonly random: Random
  /** A faster hash where the platform has one. */
  readonly sha256Hex?: Sha256Hex
  readonly policy?: Partial<Policy>
}

const DEFAULT_POLICY: Policy = {
  backoff: DEFAULT_BACKOFF,
  breaker: DEFAULT_BREAKER,
  timeoutMs: 30_000,
  pullLimit: 500,
  maxAttempts: 5,
  schemaVersion: 1,
  digestIntervalMs: 24 * 3_600_000,
  journal: { maxAgeMs: 30 * 24 * 3_600_000, maxBytes: 16 * 1024 * 1024 },
}

export function createKernel({
  storage,
  transport,
  clock,
  random,
  sha256Hex,
  policy,
}: KernelOptions): Kernel {
  return {
    ...{ storage, transport, clock, random },
    lamport: lamportClock(),
    textWriters: createTextWriters(random),
    counters: createCounters(random),
    sha256Hex: sha256Hex ?? portableSha256Hex,
    policy: { ...DEFAULT_POLICY, ...policy },
    lock: createLock(),
  }
}

/** Reads, decides and writes as one atomic step: everything the task put is committed, or nothing. */
export function transact<T>(kernel: Kernel, task: (unit: Unit) => Promise<T>): Promise<T> {
  return kernel.lock(async () => {
    const unit = new Unit(kernel.storage)
    const result = await task(unit)
    await unit.commit()
    return result
  })
}
