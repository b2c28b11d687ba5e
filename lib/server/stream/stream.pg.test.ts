import { EventSourceParserStream, type EventSourceMessage } from 'eventsource-parser/stream'
import pg from 'pg'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { AppError } from '#lib/protocol/errors.ts'
import { personActor } from '../actor.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { consoleStream } from './console.ts'
import { createListener, listener } from './listener.ts'
import { decodeNotification, encodeNotification, notifyChanged } from './notify.ts'
import { deviceStream } from './pokes.ts'

let own: TestDatabase
const viewer = personActor({ id: 'v', name: 'v', role: 'viewer', via: 'session' })
const door = { stillAllowed: async () => true }

beforeAll(async () => {
  own = await testDatabase()
  process.env['DATABASE_URL'] = own.url
})
afterAll(async () => {
  await listener().close()
  await own.close()
})

function request(lastEventId?: string) {
  const abort = new AbortController()
  const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
  return { abort, request: new Request('http://127.0.0.1/', { signal: abort.signal, headers }) }
}

/** Reads a reply's events into a list until it ends. */
function read(reply: Response) {
  const events: EventSourceMessage[] = []
  const parsed = reply
    .body!.pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream())
    .getReader()
  const done = (async () => {
    for (let next = await parsed.read(); !next.done; next = await parsed.read()) events.push(next.value)
  })().catch(() => undefined)
  const topics = () =>
    events
      .filter(({ event }) => event === 'change')
      .flatMap(({ data }) => JSON.parse(data).topics as string[])
  return { events, topics, done }
}

/** LISTEN is up once a notification comes through. */
async function untilHeard(topics: () => string[]): Promise<void> {
  await vi.waitFor(
    () => {
      notifyChanged({ kinds: ['table'] })
      expect(topics()).toContain('table')
    },
    { timeout: 5_000, interval: 100 },
  )
}

test('a page is told what changed, twice a second at most, and the stream ends with the client', async () => {
  const { abort, request: asked } = request()
  const reply = consoleStream(viewer, asked, door)
  expect(reply.headers.get('content-type')).toContain('text/event-stream')
  expect(reply.headers.get('cache-control')).toContain('no-transform')
  const { events, topics, done } = read(reply)
  await untilHeard(topics)
  await sleep(600)
  const before = events.length
  for (let i = 0; i < 40; i++) {
    notifyChanged({ kinds: ['conflict'] })
    notifyChanged({ kinds: ['device'] })
    await sleep(25)
  }
  await vi.waitFor(() => expect(topics().slice(-2).toSorted()).toEqual(['conflict', 'device']))
  expect(events.length - before).toBeGreaterThanOrEqual(2)
  expect(events.length - before).toBeLessThanOrEqual(4)
  abort.abort()
  await done
})

test('whoever comes back is told what changed since, and no more', async () => {
  const first = request()
  const live = read(consoleStream(viewer, first.request, door))
  await untilHeard(live.topics)
  await sleep(600)
  const seenAt = Date.now()
  await sleep(5)
  notifyChanged({ kinds: ['dead_letter'] })
  await vi.waitFor(() => expect(live.topics()).toContain('dead_letter'))

  const again = request(String(seenAt))
  const { topics } = read(consoleStream(viewer, again.request, door))
  await vi.waitFor(() => expect(topics()).toEqual(['dead_letter']))

  const longAway = request(String(seenAt - 86_400_000))
  const everything = read(consoleStream(viewer, longAway.request, door))
  await vi.waitFor(() => expect(everything.topics().length).toBeGreaterThan(5))
  for (const { abort } of [first, again, longAway]) abort.abort()
})

test('a stream ends when the session does, and not when the database is away for a moment', async () => {
  let answer: () => Promise<boolean> = async () => {
    throw new Error('connection refused')
  }
  const { request: asked } = request()
  const { events, done } = read(consoleStream(viewer, asked, { stillAllowed: () => answer(), beatMs: 30 }))
  await vi.waitFor(() =>
    expect(events.filter(({ event }) => event === 'heartbeat').length).toBeGreaterThan(1),
  )
  answer = async () => {
    throw new AppError('unauthenticated', 'This session was ended.')
  }
  await done
})

test('a device is poked for its own scopes alone', async () => {
  const { abort, request: asked } = request()
  const { events } = read(deviceStream({ scopes: ['site-1', 'site-2'] }, asked, door))
  const poked = () =>
    events.filter(({ event }) => event === 'poke').map(({ data }) => JSON.parse(data).scope as string)
  await vi.waitFor(() => {
    notifyChanged({ kinds: [], scopes: ['site-9', 'site-2'] })
    expect(poked()).toContain('site-2')
  })
  expect(poked()).not.toContain('site-9')
  abort.abort()
})

test('a busy server sends twenty notifications a second at most', async () => {
  const watcher = new pg.Client({ connectionString: own.url })
  await watcher.connect()
  await watcher.query('LISTEN holdfast_changes')
  let heard = 0
  const scopes = new Set<string>()
  watcher.on('notification', ({ payload }) => {
    heard++
    for (const scope of decodeNotification(payload ?? '')?.scopes ?? []) scopes.add(scope)
  })
  const until = Date.now() + 1_000
  let calls = 0
  while (Date.now() < until) {
    notifyChanged({ kinds: ['sync'], scopes: [`site-${calls % 50}`] })
    if (++calls % 20 === 0) await sleep(1)
  }
  await sleep(200)
  expect(calls).toBeGreaterThan(500)
  expect(heard).toBeGreaterThan(5)
  expect(heard).toBeLessThanOrEqual(22)
  expect(scopes.size).toBe(50)
  await watcher.end()
})

test('whoever comes before the connection listens is told that something may have been missed, once', async () => {
  const ears = createListener(own.url)
  const early: { missed: boolean }[] = []
  const late: { missed: boolean }[] = []
  const stops = [ears.subscribe((heard) => early.push(heard))]
  expect(early).toEqual([])
  await vi.waitFor(() => expect(early).toEqual([{ kinds: [], scopes: '*', missed: true }]))
  stops.push(ears.subscribe((heard) => late.push(heard)))
  await vi.waitFor(() => {
    notifyChanged({ kinds: ['sync'] })
    expect(late.length).toBeGreaterThan(0)
  })
  expect(late.some(({ missed }) => missed)).toBe(false)
  for (const stop of stops) stop()
  await ears.close()
})

test('after the connection was lost everybody is told that something may have been missed', async () => {
  const ears = createListener(own.url)
  const news: { missed: boolean }[] = []
  const stop = ears.subscribe((heard) => news.push(heard))
  await vi.waitFor(() => {
    notifyChanged({ kinds: ['sync'] })
    expect(news.at(-1)?.missed).toBe(false)
  })
  news.length = 0
  const admin = new pg.Client({ connectionString: own.url })
  await admin.connect()
  await admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'holdfast-listen' AND datname = current_database()`)
  await admin.end()
  await vi.waitFor(() => expect(news.some(({ missed }) => missed)).toBe(true), { timeout: 5_000 })
  const before = news.length
  await vi.waitFor(() => {
    notifyChanged({ kinds: ['sync'] })
    expect(news.length).toBeGreaterThan(before)
  })
  stop()
  await ears.close()
})

test('a notification too long for PostgreSQL wakes everybody instead', () => {
  const scopes = Array.from({ length: 100 }, (_, i) => `${'x'.repeat(100)}${i}`)
  expect(decodeNotification(encodeNotification({ kinds: ['sync'], scopes }))).toEqual({
    kinds: ['sync'],
    scopes: '*',
  })
  expect(decodeNotification('not ours')).toBeNull()
})
