import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemActor } from '#lib/server/actor.ts'
import { createApiKey } from '#lib/server/api-keys/create.ts'
import { createDatabase, type Database } from '#lib/server/db.ts'
import { createEnrollmentKey } from '#lib/server/enrollment-keys/create.ts'
import { putPolicy, RawDevice } from '#lib/server/testing/raw-device.ts'
import { startTestServer, type TestServer } from '#lib/server/testing/server.ts'
import { createCluster, startCluster, type Cluster } from './postgres/cluster.ts'
import { createDatabase as createEmpty } from './postgres/database.ts'
import { findFreePort } from './postgres/port.ts'
import { applyMigrations } from './prisma/migrations.ts'

// Devices are answered beside Next, on the same port. Whatever they send, they get what Next alone would answer.

let folder = ''
let cluster: Cluster
let db: Database
let doors: { product: TestServer; next: TestServer }
let admin: Record<string, string>
let enrollmentKey = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-doors-'))
  const dir = join(folder, 'postgres')
  await createCluster(dir, 'doors')
  cluster = await startCluster({
    ...{ dir, port: await findFreePort(), password: 'doors' },
    logFile: join(folder, 'postgres.log'),
  })
  const databaseUrl = cluster.url('holdfast')
  await createEmpty(databaseUrl)
  await applyMigrations(databaseUrl)
  process.env['DATABASE_URL'] = databaseUrl
  db = createDatabase(databaseUrl)
  await putPolicy(db, { name: 'things' })
  const system = systemActor('test')
  admin = { authorization: `Bearer ${(await createApiKey(system, { name: 'doors', role: 'admin' })).secret}` }
  enrollmentKey = (await createEnrollmentKey(system, { name: 'doors' })).secret
  const env = { WORKER: 'off' }
  const product = await startTestServer({ databaseUrl, env })
  doors = { product, next: await startTestServer({ databaseUrl, env, nextAlone: true }) }
})
afterAll(async () => {
  await doors.product.stop()
  await doors.next.stop()
  await db.$disconnect()
  await cluster.stop()
  await rm(folder, { recursive: true, force: true })
})

type Ask = { method?: string; path?: string; headers?: Record<string, string>; body?: string | Buffer }
type Reply = { status: number; headers: IncomingHttpHeaders; text: string }

async function ask(
  door: TestServer,
  { method = 'POST', path = '/sync', headers = {}, body }: Ask,
): Promise<Reply> {
  // A connection each: Next's own hangs after a body that it did not read to its end. It is kept until the reply is
  // read: a server that is asked to close does so under a body that is still being written.
  const agent = new Agent({ keepAlive: true })
  try {
    const outgoing = request(new URL(path, door.url), { method, headers, agent })
    outgoing.on('error', () => {})
    outgoing.end(body)
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage]
    const bytes = Buffer.concat((await reply.toArray()) as Buffer[])
    const isZipped = reply.headers['content-encoding'] === 'gzip'
    return {
      ...{ status: reply.statusCode ?? 0, headers: reply.headers },
      text: (isZipped ? gunzipSync(bytes) : bytes).toString(),
    }
  } finally {
    agent.destroy()
  }
}

/** How a reply is cut into packets is each door's own; so is what Next says of its own caches. */
const ofTheDoor = new Set([
  'connection',
  'content-length',
  'content-encoding',
  'date',
  'keep-alive',
  'transfer-encoding',
  'vary',
])
/** What differs from request to request, whoever answers. */
const ofTheRequest =
  /"(trace_id|server_time|sync_token|epoch|op_id|record_id|next_cursor|device_token|retry_after_ms|dead_letter_id)":("[^"]*"|\d+)/g

function comparable({ status, headers, text }: Reply) {
  const kept = Object.entries(headers).filter(([name]) => !ofTheDoor.has(name))
  const seen = Object.fromEntries(kept)
  if (seen['traceparent']) seen['traceparent'] = 'a traceparent'
  if (seen['etag']) seen['etag'] = 'an etag'
  return { status, headers: seen, text: text.replaceAll(ofTheRequest, '"$1":0') }
}

const json = { 'content-type': 'application/json' }
type Case = [name: string, make: (device: RawDevice, own: Record<string, string>) => Ask]
/** In the device's own scope, which nobody else writes to. */
const change = (device: RawDevice, over: { table?: string } = {}) =>
  device.change({ scope: device.scopes[0]!, ...over })

const cases: Case[] = [
  [
    'a push',
    (device, own) => ({
      headers: own,
      body: JSON.stringify(device.envelope([change(device), change(device)])),
    }),
  ],
  [
    'a push by its long name',
    (device, own) => ({
      path: '/api/v1/sync?x=1',
      headers: own,
      body: JSON.stringify(device.envelope([change(device)])),
    }),
  ],
  [
    'a zipped push',
    (device, own) => ({
      headers: { ...own, 'content-encoding': 'gzip' },
      body: gzipSync(JSON.stringify(device.envelope([change(device)]))),
    }),
  ],
  [
    'a push to be answered zipped',
    (device, own) => ({
      headers: { ...own, 'accept-encoding': 'gzip' },
      body: JSON.stringify(device.envelope(Array.from({ length: 50 }, () => change(device)))),
    }),
  ],
  [
    'a push that is wrong in parts',
    (device, own) => ({
      headers: own,
      body: JSON.stringify(
        device.envelope([change(device), { op_id: 'no' }, change(device, { table: 'unknown' })]),
      ),
    }),
  ],
  ['nobody', () => ({ headers: json, body: '{}' })],
  ['an API key', () => ({ headers: { ...json, ...admin }, body: '{}' })],
  ['half a body', (_, own) => ({ headers: own, body: '{"protocol":1,' })],
  ['no body', (_, own) => ({ headers: own })],
  ['bad UTF-8', (_, own) => ({ headers: own, body: Buffer.from([0x22, 0xff, 0x22]) })],
  [
    'a body that is not JSON',
    (_, own) => ({ headers: { ...own, 'content-type': 'text/plain' }, body: '{}' }),
  ],
  ['an encoding nobody knows', (_, own) => ({ headers: { ...own, 'content-encoding': 'br' }, body: '{}' })],
  ['a body beyond the limit', (_, own) => ({ headers: own, body: Buffer.alloc(17 * 1024 * 1024, ' ') })],
  [
    'a body beyond the limit, in chunks',
    (_, own) => ({
      headers: { ...own, 'transfer-encoding': 'chunked' },
      body: Buffer.alloc(17 * 1024 * 1024, ' '),
    }),
  ],
  [
    'a protocol of the future',
    (device, own) => ({ headers: own, body: JSON.stringify({ ...device.envelope([]), protocol: 2 }) }),
  ],
  [
    'somebody else’s device',
    (device, own) => ({
      headers: own,
      body: JSON.stringify({ ...device.envelope([]), device_id: randomUUID() }),
    }),
  ],
  ...['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map((method): Case => [
    `${method} /sync`,
    (_, own) => ({ method, headers: own }),
  ]),
  ['an address with a slash too many', (_, own) => ({ path: '/sync/', headers: own, body: '{}' })],
  ['a page of the snapshot', (_, own) => ({ method: 'GET', path: '/api/v1/snapshot?limit=5', headers: own })],
  [
    'a snapshot of a scope that was not granted',
    (_, own) => ({ method: 'GET', path: '/api/v1/snapshot?scope=else', headers: own }),
  ],
  [
    'a snapshot of a limit that is none',
    (_, own) => ({ method: 'GET', path: '/api/v1/snapshot?limit=x', headers: own }),
  ],
  ['digests', (_, own) => ({ path: '/api/v1/digest', headers: own, body: '{"buckets":{}}' })],
  [
    'an enrolment',
    () => ({
      path: '/api/v1/enroll',
      headers: json,
      body: JSON.stringify({
        enrollment_key: enrollmentKey,
        device_id: '00000000-0000-4000-8000-000000000001',
        incarnation: '00000000-0000-4000-8000-000000000002',
        name: 'x',
        platform: 'x',
        scopes: ['default'],
      }),
    }),
  ],
  [
    'an enrolment with a key that is none',
    () => ({
      path: '/api/v1/enroll',
      headers: json,
      body: JSON.stringify({
        enrollment_key: 'no',
        device_id: randomUUID(),
        incarnation: randomUUID(),
        name: 'x',
        platform: 'x',
        scopes: [],
      }),
    }),
  ],
]

describe('both doors answer alike:', () => {
  test.each(cases)('%s', async (_, make) => {
    const replies = await Promise.all(
      [doors.product, doors.next].map(async (door) => {
        const device = await RawDevice.enrol(db, [randomUUID()])
        return comparable(await ask(door, make(device, { ...json, authorization: `Bearer ${device.token}` })))
      }),
    )
    const [product, next] = replies.map((reply) => ({ ...reply, text: withoutIds(reply.text) }))
    expect(product).toEqual(next)
  })
})

/** Devices of their own have ids and stamps of their own. */
function withoutIds(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'id')
    .replaceAll(/\b[0-9a-f]{12}-[0-9a-f]{4}-[0-9a-f]{16}\b/g, 'hlc')
    .replaceAll(/\b[0-9a-f]{64}\b/g, 'hash')
}

test('the trace of the caller goes on, on both', async () => {
  const trace = '0af7651916cd43dd8448eb211c80319c'
  for (const door of Object.values(doors)) {
    const reply = await ask(door, {
      headers: { ...json, traceparent: `00-${trace}-b7ad6b7169203331-01` },
      body: '{}',
    })
    expect(reply.headers['traceparent']).toContain(trace)
    expect(JSON.parse(reply.text)).toMatchObject({ trace_id: trace })
  }
})

test('a page that did not change is not sent again', async () => {
  const device = await RawDevice.enrol(db, ['quiet'])
  const headers = { authorization: `Bearer ${device.token}` }
  const page = { method: 'GET', path: '/api/v1/snapshot', headers }
  const { etag = '' } = (await ask(doors.product, page)).headers
  for (const door of Object.values(doors)) {
    const { status, text } = await ask(door, { ...page, headers: { ...headers, 'if-none-match': etag } })
    expect([status, text]).toEqual([304, ''])
  }
})

test('a device that listens at one door hears of a push at the other', async () => {
  for (const [own, other] of [
    [doors.product, doors.next],
    [doors.next, doors.product],
  ] as const) {
    const scope = randomUUID()
    const [listener, writer] = [await RawDevice.enrol(db, [scope]), await RawDevice.enrol(db, [scope])]
    const asked = new AbortController()
    const stream = await fetch(`${own.url}/api/v1/pokes`, {
      headers: { authorization: `Bearer ${listener.token}` },
      signal: asked.signal,
    })
    expect(stream.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader()
    let heard = (await reader.read()).value ?? ''
    await ask(other, {
      headers: { ...json, authorization: `Bearer ${writer.token}` },
      body: JSON.stringify(writer.envelope([writer.change({ scope })])),
    })
    while (!heard.includes(scope)) heard += (await reader.read()).value ?? ''
    expect(heard).toContain('event: poke')
    asked.abort()
  }
})

test('what devices did at their door, the console tells at Next’s', async () => {
  const device = await RawDevice.enrol(db)
  await ask(doors.product, {
    headers: { ...json, authorization: `Bearer ${device.token}` },
    body: JSON.stringify(device.envelope([device.change()])),
  })
  const list = await ask(doors.product, {
    method: 'GET',
    path: `/api/v1/syncs?device=${device.id}&outcome=ok`,
    headers: admin,
  })
  expect(JSON.parse(list.text)).toMatchObject({ items: [{ device_id: device.id, outcome: 'ok' }] })
  const metrics = await ask(doors.product, { method: 'GET', path: '/metrics' })
  expect(metrics.text).toMatch(/sync_attempts_total\{outcome="ok"\} [1-9]/)
})

test.each([
  ['TRACE /sync HTTP/1.1', '405'],
  ['TRACE / HTTP/1.1', '405'],
  ['OPTIONS * HTTP/1.1', '404'],
  ['GET http://anywhere.test/livez HTTP/1.1', '200'],
  ['GET http://[/ HTTP/1.1', '404'],
])('what hardly anybody sends is answered, too: %s', async (line, status) => {
  const { hostname, port } = new URL(doors.product.url)
  const socket = connect(Number(port), hostname)
  socket.write(`${line}\r\nHost: x\r\nConnection: close\r\n\r\n`)
  expect(await text(socket)).toMatch(`HTTP/1.1 ${status} `)
})

test('asked to stop, it ends what it is doing, open streams too', async () => {
  const server = await startTestServer({ databaseUrl: cluster.url('holdfast') })
  const device = await RawDevice.enrol(db)
  const stream = await fetch(`${server.url}/api/v1/pokes`, {
    headers: { authorization: `Bearer ${device.token}` },
  })
  const began = Date.now()
  await server.stop()
  expect(Date.now() - began).toBeLessThan(4_500)
  await stream.body?.cancel().catch(() => undefined)
})
