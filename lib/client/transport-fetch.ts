import { TransportError, type Transport } from './ports.ts'

/** What is used of `fetch`, so that this compiles where no DOM types are. */
interface FetchOptions<Signal> {
  method: string
  headers: Record<string, string>
  body?: string | Uint8Array<ArrayBuffer>
  signal: Signal
}

interface FetchReply {
  readonly status: number
  readonly headers: { forEach(each: (value: string, name: string) => void): void }
  text(): Promise<string>
}

export interface FetchTransportOptions<Signal> {
  /** Where the server is, such as `https://sync.example.org`. */
  readonly baseUrl: string
  readonly fetch: (url: string, options: FetchOptions<Signal>) => Promise<FetchReply>
  /** `AbortSignal.timeout`: ends the request when its time is up. */
  readonly abortAfter: (timeoutMs: number) => Signal
  /** Compresses a body; without it bodies go as they are. */
  readonly gzip?: (text: string) => Promise<Uint8Array<ArrayBuffer>>
}

/** Smaller bodies gain nothing from compression. */
const GZIP_FROM_CHARACTERS = 4096

/** HTTP by the `fetch` of a browser, a worker, or Node. */
export function createFetchTransport<Signal>(options: FetchTransportOptions<Signal>): Transport {
  const baseUrl = options.baseUrl.replace(/\/+$/, '')
  return {
    async send({ method, path, headers, body, timeoutMs }) {
      const isZipped = options.gzip !== undefined && body !== null && body.length >= GZIP_FROM_CHARACTERS
      try {
        const reply = await options.fetch(baseUrl + path, {
          method,
          headers: { ...headers, ...(isZipped ? { 'content-encoding': 'gzip' } : {}) },
          ...(body === null ? {} : { body: isZipped && options.gzip ? await options.gzip(body) : body }),
          signal: options.abortAfter(timeoutMs),
        })
        const received: Record<string, string> = {}
        reply.headers.forEach((value, name) => {
          received[name.toLowerCase()] = value
        })
        return { status: reply.status, headers: received, body: await reply.text() }
      } catch (error) {
        const isTimeout = error instanceof Error && error.name === 'TimeoutError'
        const message = error instanceof Error ? describe(error) : String(error)
        throw new TransportError(isTimeout ? 'timeout' : 'network', message, { cause: error })
      }
    },
  }
}

/** `fetch failed` says nothing; its cause says what the matter is. */
function describe(error: Error): string {
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
