import { Client } from 'pg'
import { database, queryPrepared } from '../db.ts'

/** One channel for everything: a process has one listening connection. */
const channelName = 'holdfast_changes'

export async function sendNotification(payload: string): Promise<void> {
  const statement = { name: 'notify', text: 'SELECT pg_notify($1, $2)' }
  await queryPrepared(database(), statement, [channelName, payload])
}

export type Channel = {
  /** Settles when the connection is gone, for whatever reason. */
  closed: Promise<void>
  close: () => Promise<void>
}

/** A network that fell silent is noticed this soon. */
const pingMs = 10_000
const pingTimeoutMs = 5_000

/**
 * Listens on a connection of its own: Prisma's pool cannot.
 * @throws what the driver says when it cannot connect
 */
export async function openChannel(url: string, onMessage: (payload: string) => void): Promise<Channel> {
  const client = new Client({
    connectionString: url,
    keepAlive: true,
    connectionTimeoutMillis: 5_000,
    query_timeout: pingTimeoutMs,
    application_name: 'holdfast-listen',
  })
  const gone = Promise.withResolvers<void>()
  client.on('error', () => gone.resolve())
  client.on('end', () => gone.resolve())
  client.on('notification', ({ payload }) => payload !== undefined && onMessage(payload))
  try {
    await client.connect()
    await client.query(`LISTEN ${channelName}`)
  } catch (error) {
    await client.end().catch(() => undefined)
    throw error
  }
  const ping = setInterval(() => {
    client.query('SELECT 1').catch(() => gone.resolve())
  }, pingMs).unref()
  const close = async () => {
    clearInterval(ping)
    await client.end().catch(() => undefined)
    gone.resolve()
  }
  return { closed: gone.promise.then(close), close }
}
