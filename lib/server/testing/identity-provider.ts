import { createSign, generateKeyPairSync } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export type IdentityProvider = {
  issuer: string
  /** Claims of whoever signs in next. */
  claims: Record<string, unknown>
  close: () => void
}

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const keyId = 'one'

/** An OpenID Connect provider that lets everybody in, as the claims say: discovery, code flow, signed id_token. */
export async function startIdentityProvider(clientId: string): Promise<IdentityProvider> {
  const provider: IdentityProvider = { issuer: '', claims: {}, close: () => server.close() }
  const server = createServer(async (request, reply) => {
    const url = new URL(request.url ?? '/', provider.issuer)
    const json = (body: unknown) =>
      reply.setHeader('content-type', 'application/json').end(JSON.stringify(body))
    switch (url.pathname) {
      case '/.well-known/openid-configuration':
        return json(discovery(provider.issuer))
      case '/jwks':
        return json({
          keys: [{ ...publicKey.export({ format: 'jwk' }), kid: keyId, alg: 'RS256', use: 'sig' }],
        })
      case '/authorize': {
        const back = new URL(url.searchParams.get('redirect_uri') ?? '')
        back.searchParams.set('code', 'code-1')
        back.searchParams.set('state', url.searchParams.get('state') ?? '')
        return reply.writeHead(302, { location: back.href }).end()
      }
      case '/token': {
        const form = new URLSearchParams(await text(request))
        if (form.get('code') !== 'code-1' || !form.get('code_verifier')) return reply.writeHead(400).end()
        const now = Math.floor(Date.now() / 1000)
        const standard = { iss: provider.issuer, aud: clientId, iat: now, exp: now + 300 }
        return json({
          access_token: 'a',
          token_type: 'Bearer',
          id_token: sign({ ...standard, ...provider.claims }),
        })
      }
      default:
        return reply.writeHead(404).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  provider.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return provider
}

function discovery(issuer: string) {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
  }
}

function sign(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const content = `${part({ alg: 'RS256', kid: keyId })}.${part(claims)}`
  return `${content}.${createSign('RSA-SHA256').update(content).sign(privateKey, 'base64url')}`
}

async function text(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts).toString('utf8')
}
