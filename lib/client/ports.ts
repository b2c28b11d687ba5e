/**
 * Everything the library needs from the world comes in by these four ports. Nothing in lib/client
 * reads a clock, draws a random number, opens a connection or touches a disk by any other way; that
 * is what lets one and the same device run on a tablet, in a browser and in a simulation.
 */

/** Named groups of keys, as object stores in IndexedDB or tables in SQLite. */
export const COLLECTIONS = [
  /** Single documents: identity, clock, feed position. */
  'meta',
  /** Local rows, by generation, scope, table and id. */
  'records',
  /** Operations not yet answered, by ordinal: the order in which they were made. */
  'operations',
  /** Operations without a seq, by priority lane and ordinal. */
  'outbox',
  /** Operations that have a seq, by seq. */
  'inflight',
  /** Operations that were refused for good, or given up, by operation id. */
  'dead_letters',
  /** Edits of records that left the device's scopes, by operation id. */
  'review',
  /** Operations the server has answered, as they were sent, by life and seq. */
  'journal',
] as const

export type Collection = (typeof COLLECTIONS)[number]

export type Write =
  | { readonly kind: 'put'; readonly collection: Collection; readonly key: string; readonly value: unknown }
  | { readonly kind: 'delete'; readonly collection: Collection; readonly key: string }

export interface Scan {
  /** Only keys that begin with this. */
  readonly prefix?: string
  /** Only keys greater than this one. */
  readonly after?: string
  readonly limit?: number
}

export interface Entry {
  readonly key: string
  readonly value: unknown
}

/**
 * An ordered key-value store. Values are JSON; a value read is a copy, so changing it changes
 * nothing in the store. Keys order by UTF-16 code units. The library is its only writer.
 */
export interface Storage {
  /** One result per key, in the order asked; undefined where there is none. */
  get(collection: Collection, keys: readonly string[]): Promise<readonly unknown[]>
  /** Entries in ascending key order. */
  scan(collection: Collection, scan: Scan): Promise<readonly Entry[]>
  /**
   * Applies all writes in order, or none: after a crash at any moment the store holds either the
   * state before or the state after. Resolves when it would survive a crash.
   * @throws StorageFullError when there is no room; the store is then unchanged
   */
  write(writes: readonly Write[]): Promise<void>
  /** Bytes in use, as far as the store can tell; shown to the people who run the fleet. */
  sizeBytes(): Promise<number>
}

/** The device has no room left. Nothing was written; edits fail until there is room again. */
export class StorageFullError extends Error {
  override readonly name = 'StorageFullError'
}

export interface TransportRequest {
  readonly method: 'GET' | 'POST'
  /** Path and query, such as `/api/v1/sync`; the transport knows the origin. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
  readonly timeoutMs: number
}

export interface TransportReply {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface Transport {
  /**
   * Sends one request and resolves with whatever the server answered, error statuses included.
   * @throws TransportError when there was no answer: no network, reset, timeout
   */
  send(request: TransportRequest): Promise<TransportReply>
}

/** No answer came. Whether the server saw the request is unknown. */
export class TransportError extends Error {
  override readonly name = 'TransportError'
  readonly kind: 'network' | 'timeout'

  constructor(kind: 'network' | 'timeout', message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.kind = kind
  }
}

export interface Clock {
  /** Milliseconds since the Unix epoch as this device believes; may be wrong and may jump. */
  nowMs(): number
  /** Runs `callback` once after `delayMs`. The returned function cancels it. */
  schedule(delayMs: number, callback: () => void): () => void
}

export interface Random {
  /** Bytes fit for identifiers: cryptographically strong in production, seeded in a simulation. */
  bytes(length: number): Uint8Array
}
