import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startCutProxy, type CutProxy } from './cut-proxy.ts'

const arrived: string[] = []
const server = createServer((request, response) => {
  let body = ''
  request.on('data', (chunk: Buffer) => (body += chunk.toString()))
  request.on('error', () => undefined)
  request.on('close', () => arrived.push(request.complete ? body : `half of it: ${body.length}`))
  request.on('end', () => response.end(`${body.length} characters`))
})
let proxy: CutProxy

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  proxy = await startCutProxy((server.address() as AddressInfo).port)
})
beforeEach(() => void arrived.splice(0))
afterAll(async () => {
  await proxy.close()
  server.close()
})

async function post(body: string): Promise<string> {
  const reply = await fetch(`http://127.0.0.1:${proxy.port}/`, { method: 'POST', body })
  return reply.text()
}

test('carries what is sent, whatever its size', async () => {
  expect(await post('x'.repeat(1_000_000))).toBe('1000000 characters')
})

test('a reply that is cut off never arrives, though the server did what was asked', async () => {
  proxy.cutNext('back', 0)
  await expect(post('lost')).rejects.toThrow('fetch failed')
  await expect.poll(() => arrived).toEqual(['lost'])
  expect(await post('again')).toBe('5 characters')
})

test('of a request that is cut off the server sees the part before the cut', async () => {
  // A connection that is new carries the head and the first of the body in one go, or in two.
  proxy.cutAll()
  proxy.cutNext('there', 300)
  await expect(post('y'.repeat(500_000))).rejects.toThrow('fetch failed')
  await expect.poll(() => arrived).toHaveLength(1)
  expect(arrived[0]).toMatch(/^half of it: \d{1,3}$/)
})

test('what is calmed cuts no more', async () => {
  proxy.cutNext('back', 0)
  proxy.calm()
  expect(await post('whole')).toBe('5 characters')
  expect(proxy.cuts).toBe(2)
})
