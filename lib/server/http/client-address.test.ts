import { createServer, request, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { clientAddress, parseTrustedProxies, realAddress, stampClientAddresses } from './client-address.ts'

const trusted = parseTrustedProxies('10.0.0.0/8, 192.0.2.1, fd00::/8')

test.each([
  ['nobody in between', '203.0.113.5', undefined, '203.0.113.5'],
  ['a header from somebody we do not trust', '203.0.113.5', '198.51.100.1', '203.0.113.5'],
  ['one trusted proxy', '10.1.2.3', '198.51.100.1', '198.51.100.1'],
  ['a client that makes up hops', '10.1.2.3', '1.2.3.4, 198.51.100.1', '198.51.100.1'],
  ['two trusted proxies', '10.1.2.3', '198.51.100.1, 192.0.2.1', '198.51.100.1'],
  ['only proxies', '10.1.2.3', '10.9.9.9', '10.9.9.9'],
  ['IPv4 within IPv6', '::ffff:10.1.2.3', '198.51.100.1', '198.51.100.1'],
  ['IPv6', 'fd00::1', '2001:db8::7', '2001:db8::7'],
  ['what is no address', '10.1.2.3', `<script>`, '10.1.2.3'],
])('%s', (_, peer, forwardedFor, expected) => {
  expect(realAddress(peer, forwardedFor, trusted)).toBe(expected)
})

test.each(['example.org', '10.0.0.0/x', '10.0.0.0/99'])('refuses to trust "%s"', (text) => {
  expect(() => parseTrustedProxies(text)).toThrow()
})

test('requests from whom we do not trust carry the socket’s address and none of their own claims', async () => {
  stampClientAddresses('')
  const seen = await new Promise<IncomingHttpHeaders>((resolve, reject) => {
    const server = createServer((incoming, reply) => {
      reply.end()
      server.close()
      resolve(incoming.headers)
    })
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      const headers = {
        'x-forwarded-for': '1.2.3.4',
        'x-forwarded-proto': 'https',
        'x-holdfast-client': '1.2.3.4',
      }
      request({ port, host: '127.0.0.1', headers }).on('error', reject).end()
    })
  })
  expect(seen).toMatchObject({ 'x-holdfast-client': '127.0.0.1' })
  expect(seen).not.toHaveProperty('x-forwarded-for')
  expect(seen).not.toHaveProperty('x-forwarded-proto')
  expect(clientAddress(new Headers({ 'x-holdfast-client': '127.0.0.1' }))).toBe('127.0.0.1')
})
