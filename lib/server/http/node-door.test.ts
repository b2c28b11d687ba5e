import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type RequestOptions, type Server } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AppError } from '#lib/protocol/errors.ts'
import { readJson } from './body.ts'
import { endpoint, openRoute } from './door.ts'
import { nodeDoor } from './node-door.ts'
import { json } from './reply.ts'

const limitBytes = 100_000
const aborted: string[] = []
let chunksMade = 0

const echo = endpoint({
  POST: openRoute('echo', async ({ request: asked }) => {
    if (asked.headers.get('authorization') === 'none') throw new AppError('unauthenticated', 'No.')
    const { value } = await readJson(asked, limitBytes)
    return json({ value, query: new URL(asked.url).search })
  }),
})
const stream = endpoint({
  GET: openRoute('stream', async ({ request: asked }) => {
    asked.signal.addEventListener('abort', () => aborted.push(asked.url))
    const isEndless = asked.url.endsWith('?endless')
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        chunksMade++
        if (!isEndless && chunksMade > 3) controller.close()
        else controller.enqueue(new Uint8Array(isEndless ? 65_536 : 5).fill(0x61))
      },
      cancel: () => void aborted.push('cancelled'),
    })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }),
})

let server: Server
let port: number
beforeAll(async () => {
  const answerDevice = nodeDoor({ '/echo': echo, '/stream': stream })
  server = createServer((incoming, outgoing) => {
    if (!answerDevice(incoming, outgoing)) outgoing.writeHead(299).end('not a device')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})
afterAll(() => {
  server.close()
  server.closeAllConnections()
})

async function ask(options: RequestOptions, body?: string | Buffer) {
  const outgoing = request({ port, host: '127.0.0.1', method: 'POST', path: '/echo', ...options })
  outgoing.end(body)
  const [reply] = (await once(outgoing, 'response')) as [IncomingMessage]
  const parts = (await reply.toArray()) as Buffer[]
  return { status: reply.statusCode, headers: reply.headers, bytes: Buffer.concat(parts) }
}

test('a body comes in, a reply goes out, with the headers of every reply', async () => {
  const { status, headers, bytes } = await ask({ path: '/echo?a=1&b=%20' }, '{"x":[1]}')
  expect(status).toBe(200)
  expect(JSON.parse(bytes.toString())).toEqual({ value: { x: [1] }, query: '?a=1&b=%20' })
  expect(headers).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(bytes.length),
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    vary: 'Accept-Encoding',
  })
  expect(headers.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
})

test.each([
  ['another address', { path: '/echo/' }],
  ['a part of one', { path: '/ech' }],
  ['a verb that routes do not have', { method: 'OPTIONS' }],
  ['HEAD, which Next answers from GET', { method: 'HEAD', path: '/stream' }],
  ['a name every object has', { path: '/__proto__' }],
])('%s is left to Next', async (_, options) => {
  expect((await ask(options)).status).toBe(299)
})

test('a verb that the address does not have is a problem', async () => {
  const { status, headers, bytes } = await ask({ method: 'DELETE' })
  expect([status, headers.allow, headers['content-type']]).toEqual([
    405,
    'POST',
    'application/problem+json; charset=utf-8',
  ])
  expect(JSON.parse(bytes.toString())).toMatchObject({ code: 'method_not_allowed' })
})

test.each([
  ['gzip', true],
  ['br, gzip;q=0.5', true],
  ['*', true],
  ['GZIP', true],
  ['gzip;q=0', false],
  ['*;q=0', false],
  ['deflate, br', false],
  [undefined, false],
])('a reply to Accept-Encoding %s is zipped: %s', async (encoding, isZipped) => {
  const text = JSON.stringify({ x: 'long '.repeat(1_000) })
  const { headers, bytes } = await ask(encoding ? { headers: { 'accept-encoding': encoding } } : {}, text)
  expect(headers['content-encoding']).toBe(isZipped ? 'gzip' : undefined)
  expect(headers['content-length']).toBe(String(bytes.length))
  const plain = isZipped ? gunzipSync(bytes) : bytes
  expect(JSON.parse(plain.toString())).toMatchObject({ value: { x: 'long '.repeat(1_000) } })
})

test('a reply of one packet is not zipped', async () => {
  const { headers } = await ask({ headers: { 'accept-encoding': 'gzip' } }, '{}')
  expect(headers['content-encoding']).toBeUndefined()
})

test.each([
  ['was refused before it was read', { authorization: 'none' }, 401],
  ['is longer than it may be, as declared', { 'content-length': '200000' }, 413],
  ['is longer than it may be, in chunks', { 'transfer-encoding': 'chunked' }, 413],
])('a body that %s leaves the connection fit for the next request', async (_, headers, expected) => {
  const big = Buffer.alloc(200_000, ' ')
  const socket = connect(port, '127.0.0.1')
  let said = ''
  socket.on('data', (part) => (said += part))
  const lines = Object.entries({ 'content-length': '200000', ...headers })
    .filter(([name]) => !('transfer-encoding' in headers && name === 'content-length'))
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')
  socket.write(`POST /echo HTTP/1.1\r\nhost: x\r\n${lines}\r\n`)
  if ('transfer-encoding' in headers) {
    socket.write(Buffer.concat([Buffer.from('30d40\r\n'), big, Buffer.from('\r\n0\r\n\r\n')]))
  } else socket.write(big)
  socket.write(
    'POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 11\r\nconnection: close\r\n\r\n{"second":1}'.slice(
      0,
      -1,
    ),
  )
  await once(socket, 'close')
  expect(said).toContain(`HTTP/1.1 ${expected}`)
  expect(said.match(/HTTP\/1\.1 \d+/g)).toHaveLength(2)
})

test('who asks to close and sends too long a body gets the reply at once, and is not cut off', async () => {
  const { socket, closed, errors, said } = sendTooMuch(3_000_000)
  socket.write(Buffer.alloc(1_000_000, ' '))
  await once(socket, 'data')
  expect(said()).toContain('HTTP/1.1 413')
  expect(said()).toContain('"code":"payload_too_large"')
  socket.write(Buffer.alloc(2_000_000, ' '))
  await closed
  expect(errors).toEqual([])
})

test('a body without an end is not read for ever', async () => {
  const { socket, closed, said } = sendTooMuch(1e12)
  const chunk = Buffer.alloc(1_000_000, ' ')
  let sentBytes = 0
  while (!socket.destroyed) {
    sentBytes += chunk.length
    if (!socket.write(chunk)) {
      await Promise.race([closed, new Promise((resolve) => socket.once('drain', resolve))])
    }
  }
  expect(said()).toContain('HTTP/1.1 413')
  expect(sentBytes).toBeLessThan(100_000_000)
})

/** A request whose connection is to be closed after it, declared as too long; its body is yet to be written. */
function sendTooMuch(sizeBytes: number) {
  const socket = connect(port, '127.0.0.1')
  const closed = new Promise((resolve) => socket.once('close', resolve))
  const errors: Error[] = []
  let said = ''
  socket.on('error', (error) => errors.push(error)).on('data', (part) => (said += part))
  socket.write(`POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${sizeBytes}\r\n\r\n`)
  return { socket, closed, errors, said: () => said }
}

test('a body that was cut off is malformed, and nothing breaks', async () => {
  const socket = connect(port, '127.0.0.1')
  socket.write('POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"x":')
  await new Promise((resolve) => setTimeout(resolve, 30))
  socket.destroy()
  expect((await ask({}, '1')).status).toBe(200)
})

test('who asks first whether to send is told to go on', async () => {
  const outgoing = request({
    ...{ port, host: '127.0.0.1', method: 'POST', path: '/echo' },
    headers: { expect: '100-continue', 'content-length': 2 },
  })
  outgoing.flushHeaders()
  await once(outgoing, 'continue')
  outgoing.end('{}')
  const [reply] = (await once(outgoing, 'response')) as [IncomingMessage]
  expect(reply.statusCode).toBe(200)
  reply.resume()
})

test('a stream goes out as it is made, and ends', async () => {
  chunksMade = 0
  const { bytes, headers } = await ask({
    method: 'GET',
    path: '/stream',
    headers: { 'accept-encoding': 'gzip' },
  })
  expect(bytes.toString()).toBe('a'.repeat(15))
  expect(headers['content-encoding']).toBeUndefined()
})

test('a stream whose reader is slow waits; one whose reader goes is cancelled, and the route is told', async () => {
  chunksMade = 0
  aborted.length = 0
  const socket = connect(port, '127.0.0.1')
  socket.write('GET /stream?endless HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(socket, 'data')
  socket.pause()
  await new Promise((resolve) => setTimeout(resolve, 200))
  const made = chunksMade
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(chunksMade).toBe(made)
  socket.destroy()
  await expect.poll(() => aborted.toSorted()).toEqual(['cancelled', 'http://localhost/stream?endless'])
})
