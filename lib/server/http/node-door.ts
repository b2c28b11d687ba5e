import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { logger } from '#lib/telemetry/log.ts'
import type { ApiRequest } from './api-request.ts'
import type { Route, Verb } from './door.ts'
import { TextReply, type Reply } from './reply.ts'
import { securityHeaders } from './security-headers.ts'

const gzipBuffer = promisify(gzip)

/** What fits into one packet arrives no sooner for being smaller. */
const worthZippingBytes = 1_400
/** Records are repetitive text: higher levels cost twice the time for a tenth of the size. */
const zipLevel = 4

/** How much of a body that was refused is read, and for how long, before its connection is closed. */
const lingerBytes = 64 * 1_048_576
const lingerMs = 5_000

/** Routes by address, verb by verb. No address here has a parameter. */
export type NodeRoutes = { readonly [path: string]: { readonly [V in Verb]: Route } }

/**
 * Answers requests to these routes on Node's own server, as Next would answer them: the same handlers, the same
 * replies, without what Next costs a request (1.2 ms, two thirds of a push of ten).
 * @returns whether the request is one of theirs; any other is left alone
 */
export function nodeDoor(routes: NodeRoutes): (incoming: IncomingMessage, reply: ServerResponse) => boolean {
  const byPath = new Map(
    Object.entries(routes).map(([path, verbs]) => [path, new Map(Object.entries(verbs))]),
  )
  return (incoming, outgoing) => {
    const address = incoming.url ?? ''
    const end = address.indexOf('?')
    const route = byPath.get(end < 0 ? address : address.slice(0, end))?.get(incoming.method ?? '')
    if (!route) return false
    void answer(route, incoming, outgoing)
    return true
  }
}

async function answer(route: Route, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  try {
    await send(await route.reply(new NodeRequest(incoming, outgoing)), incoming, outgoing)
  } catch (error) {
    logger.error({ event: 'request.failed', err: error }, 'request failed')
    if (!outgoing.headersSent) outgoing.writeHead(500)
    outgoing.end()
  }
  // What was sent beyond what the route cared to read would stand in the way of the connection's next request.
  if (!incoming.complete) incoming.resume()
}

class NodeRequest implements ApiRequest {
  readonly method: string
  readonly url: string
  readonly headers: Headers
  readonly #incoming: IncomingMessage
  readonly #outgoing: ServerResponse
  #gone: AbortController | null = null

  constructor(incoming: IncomingMessage, outgoing: ServerResponse) {
    this.#incoming = incoming
    this.#outgoing = outgoing
    this.method = incoming.method ?? ''
    // The path and the query count; no route here asks under which name it was reached.
    this.url = `http://localhost${incoming.url}`
    this.headers = new Headers()
    for (const [name, value] of Object.entries(incoming.headers)) {
      if (value !== undefined) this.headers.set(name, Array.isArray(value) ? value.join(', ') : value)
    }
  }

  get body(): AsyncIterable<Uint8Array> {
    // A route that has read enough still wants to say so: the connection stays.
    return this.#incoming.iterator({ destroyOnReturn: false })
  }

  /** Aborts when the client goes before it was answered. */
  get signal(): AbortSignal {
    if (this.#gone) return this.#gone.signal
    const gone = (this.#gone = new AbortController())
    if (this.#outgoing.destroyed) gone.abort()
    else this.#outgoing.once('close', () => this.#outgoing.writableFinished || gone.abort())
    return gone.signal
  }
}

function send(reply: Reply, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  if (reply instanceof TextReply) return sendText(reply, incoming, outgoing)
  writeHead(reply, outgoing)
  if (reply.body) return sendStream(reply.body, outgoing)
  return end(incoming, outgoing)
}

async function sendText(
  reply: TextReply,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const { parts } = reply
  const sizeBytes = parts.reduce((sum, part) => sum + Buffer.byteLength(part), 0)
  if (sizeBytes < worthZippingBytes || !acceptsGzip(incoming.headers['accept-encoding'])) {
    writeHead(reply, outgoing, ['vary', 'Accept-Encoding', 'content-length', String(sizeBytes)])
    // As text, all in one call of the system: they become bytes once, where the system takes them.
    outgoing.cork()
    for (const part of parts) outgoing.write(part)
  } else {
    const zipped = await gzipBuffer(parts.join(''), { level: zipLevel })
    const size = ['content-encoding', 'gzip', 'content-length', String(zipped.byteLength)]
    writeHead(reply, outgoing, ['vary', 'Accept-Encoding', ...size])
    outgoing.write(zipped)
  }
  await end(incoming, outgoing)
}

/** Names and values by turns, as Node takes them at once. */
const headersOfAll = Object.entries(securityHeaders).flat()

function writeHead({ status, headers }: Reply, outgoing: ServerResponse, more: string[] = []): void {
  outgoing.writeHead(status, [...headersOfAll, ...[...headers].flat(), ...more])
}

/**
 * Where Node closes the connection after the reply, and the client is still sending, the system would reset it, and the
 * client might lose the reply it was given. So the reply goes out and the rest is read, within bounds, before the end.
 */
async function end(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  if (!incoming.complete && !outgoing.shouldKeepAlive) {
    outgoing.uncork()
    outgoing.flushHeaders()
    await discard(incoming)
  }
  outgoing.end()
}

function discard(incoming: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let leftBytes = lingerBytes
    const timer = setTimeout(resolve, lingerMs)
    const settle = () => {
      clearTimeout(timer)
      resolve()
    }
    incoming.once('end', settle).once('close', settle)
    incoming.on('data', ({ length }: Buffer) => {
      leftBytes -= length
      if (leftBytes < 0) settle()
    })
  })
}

async function sendStream(body: ReadableStream<Uint8Array>, outgoing: ServerResponse): Promise<void> {
  const reader = body.getReader()
  // Whatever the stream waits for, it ends when nobody listens any more.
  outgoing.once('close', () => void reader.cancel().catch(() => undefined))
  outgoing.flushHeaders()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    if (!outgoing.write(value)) await drained(outgoing)
  }
  outgoing.end()
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (outgoing.destroyed) return resolve()
    const settle = () => {
      outgoing.off('drain', settle).off('close', settle)
      resolve()
    }
    outgoing.on('drain', settle).on('close', settle)
  })
}

/** @see RFC 9110, section 12.5.3 */
function acceptsGzip(header: string | string[] | undefined): boolean {
  const weights = new Map<string, number>()
  for (const part of (header ?? '').toString().toLowerCase().split(',')) {
    const [name = '', ...parameters] = part.split(';').map((piece) => piece.trim())
    const weight = parameters.find((parameter) => parameter.startsWith('q='))
    weights.set(name, weight ? Number(weight.slice(2)) : 1)
  }
  return (weights.get('gzip') ?? weights.get('*') ?? 0) > 0
}
