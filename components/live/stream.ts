'use client'

/** What the stream says changed. A topic is a noun of the console: `device`, `sync`, `conflict`, `dead_letter`, … */
type Listener = (topic: string) => void

/** Between two beats of the stream; the server sends at least one event or heartbeat in this time. */
export const intervalMs = 15_000

const url = '/api/v1/stream'
const retryMs = 5_000
const listeners = new Set<Listener>()
let source: EventSource | undefined
let lastHeardAt = 0
/** Events may have been missed since the page was rendered. */
let isLate = false

export function lastHeard(): number {
  return lastHeardAt
}

function heard(): void {
  lastHeardAt = Date.now()
}

function open(): void {
  if (source || listeners.size === 0 || document.hidden) return
  if (lastHeardAt === 0) heard()
  source = new EventSource(url)
  source.addEventListener('open', onOpen)
  source.addEventListener('error', onError)
  source.addEventListener('heartbeat', heard)
  source.addEventListener('change', onChange)
}

function close(): void {
  source?.close()
  source = undefined
  isLate = true
}

/** What happened while nobody listened is fetched once, and only now that the server is known to answer. */
function onOpen(): void {
  heard()
  if (isLate) for (const listener of listeners) listener('*')
  isLate = false
}

/** The browser comes back by itself, unless the server refused: then we ask again, more slowly. */
function onError(): void {
  isLate = true
  if (source?.readyState !== EventSource.CLOSED) return
  close()
  setTimeout(open, retryMs)
}

function onChange(event: MessageEvent<string>): void {
  heard()
  for (const topic of topicsOf(event.data)) for (const listener of listeners) listener(topic)
}

/** `{"topics":["device","sync"]}`; anything else wakes everybody, which is safe. */
function topicsOf(data: string): string[] {
  try {
    const parsed: unknown = JSON.parse(data)
    if (typeof parsed === 'object' && parsed !== null && 'topics' in parsed && Array.isArray(parsed.topics)) {
      return parsed.topics.map(String)
    }
  } catch {
    // Not JSON: still a sign that something changed.
  }
  return ['*']
}

function onVisibility(): void {
  if (document.hidden) return close()
  // Silence while nobody looked is no interruption.
  heard()
  open()
}

/** One EventSource for the whole page, closed while the tab is hidden or nobody listens. */
export function listen(listener: Listener): () => void {
  if (listeners.size === 0) document.addEventListener('visibilitychange', onVisibility)
  listeners.add(listener)
  open()
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    document.removeEventListener('visibilitychange', onVisibility)
    close()
  }
}
