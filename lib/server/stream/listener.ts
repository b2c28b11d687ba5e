import { logger } from '#lib/telemetry/log.ts'
import { decodeNotification, type Notification } from './notify.ts'
import { openChannel, type Channel } from './store.ts'

/** Something changed, or may have while nobody listened (`missed`). */
export type News = Notification & { missed: boolean }
type Subscriber = (news: News) => void

export type Listener = {
  subscribe: (subscriber: Subscriber) => () => void
  /** Disconnects; the next subscriber connects again. */
  close: () => Promise<void>
}

const firstRetryMs = 200
const longestRetryMs = 10_000
/** With nobody listening the connection is given back after a while: page loads come in a row. */
const lingerMs = 30_000

const holder = globalThis as { holdfastListener?: Listener }

/** This process's ears: one connection for all of its streams. */
export function listener(): Listener {
  holder.holdfastListener ??= createListener()
  return holder.holdfastListener
}

/**
 * One connection that listens, for any number of subscribers. It comes back by itself; since notifications
 * before it and between are lost, everybody who waited for it is told that they may have missed some.
 */
export function createListener(url = process.env['DATABASE_URL'] ?? ''): Listener {
  const subscribers = new Set<Subscriber>()
  let channel: Channel | null = null
  let running = false
  let linger: NodeJS.Timeout | null = null

  function tell(news: News): void {
    for (const subscriber of subscribers) subscriber(news)
  }

  async function run(): Promise<void> {
    running = true
    let retryMs = firstRetryMs
    while (subscribers.size > 0 || linger) {
      try {
        channel = await openChannel(url, (text) => {
          const notification = decodeNotification(text)
          if (notification) tell({ ...notification, missed: false })
        })
        retryMs = firstRetryMs
        // Whoever is here already came before anything could be heard.
        tell({ kinds: [], scopes: '*', missed: true })
        await channel.closed
      } catch (error) {
        logger.debug({ event: 'listen.failed', err: error }, 'the listening connection failed')
      }
      channel = null
      if (subscribers.size === 0 && !linger) break
      await new Promise((resolve) => setTimeout(resolve, retryMs))
      retryMs = Math.min(longestRetryMs, retryMs * 2)
    }
    running = false
  }

  async function close(): Promise<void> {
    if (linger) clearTimeout(linger)
    linger = null
    await channel?.close()
  }

  return {
    subscribe(subscriber) {
      subscribers.add(subscriber)
      if (linger) clearTimeout(linger)
      linger = null
      if (!running) void run()
      return () => {
        subscribers.delete(subscriber)
        if (subscribers.size > 0 || linger) return
        linger = setTimeout(() => void close(), lingerMs).unref()
      }
    },
    close,
  }
}
