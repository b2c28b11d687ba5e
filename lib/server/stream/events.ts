import { AppError } from '#lib/protocol/errors.ts'
import { instruments } from '#lib/telemetry/metrics.ts'
import type { ApiRequest } from '../http/api-request.ts'

export type StreamEvent = { event: string; id: string; data: string }

/** Who may listen, for how long. */
export type StreamDoor = {
  /** Asked at every beat, because a session or a token may end while the stream is open. Throwing AppError is no. */
  stillAllowed: () => Promise<boolean>
  beatMs?: number
}

/** Connects the source of a stream; returns how to disconnect it. */
type Connect = (send: (event: StreamEvent) => void) => () => void

/** Proxies and browsers give up on a connection that is silent for longer. */
const defaultBeatMs = 15_000
/** A client that does not read is let go rather than buffered for. */
const maxWaitingChunks = 100

/**
 * A reply of server-sent events. Beats every 15 seconds, as a comment for proxies and as an event for pages, which
 * cannot see comments. Ends when the client goes, does not read, or is no longer allowed.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function eventStream(
  signal: AbortSignal,
  audience: 'console' | 'device',
  { stillAllowed, beatMs = defaultBeatMs }: StreamDoor,
  connect: Connect,
): Response {
  const text = new TextEncoder()
  const open = instruments().streams
  let end = () => {}

  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      let isOpen = true
      const write = (chunk: string) => {
        if (!isOpen) return
        if ((controller.desiredSize ?? 0) < -maxWaitingChunks) end()
        else controller.enqueue(text.encode(chunk))
      }
      const beat = setInterval(() => {
        void isAllowed(stillAllowed).then((allowed) =>
          allowed ? write(': beat\n\nevent: heartbeat\ndata: {}\n\n') : end(),
        )
      }, beatMs)
      const disconnect = connect(({ event, id, data }) =>
        write(`event: ${event}\nid: ${id}\ndata: ${data}\n\n`),
      )
      end = () => {
        if (!isOpen) return
        isOpen = false
        clearInterval(beat)
        disconnect()
        signal.removeEventListener('abort', end)
        open.dec({ audience })
        try {
          controller.close()
        } catch {
          // The client was faster: the stream is cancelled already.
        }
      }
      open.inc({ audience })
      signal.addEventListener('abort', end, { once: true })
      // The first bytes open the EventSource at once, and tell it when to come back.
      write('retry: 2000\n: open\n\n')
      if (signal.aborted) end()
    },
    cancel: () => end(),
  })
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      // Compression would hold events back.
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    },
  })
}

/** An outage of the database ends no stream: nobody was refused. */
async function isAllowed(stillAllowed: () => Promise<boolean>): Promise<boolean> {
  try {
    return await stillAllowed()
  } catch (error) {
    return !(error instanceof AppError)
  }
}

/** The moment of the last event that the client saw, null for a first visit or for an id that is not ours. */
export function lastEventMs(request: ApiRequest): number | null {
  const id = request.headers.get('last-event-id')
  return id !== null && /^\d{13}$/.test(id) ? Number(id) : null
}
