import NextAuth from 'next-auth'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { authOptions, sessionActor } from '../auth.ts'
import { everybody, origin, type Everybody } from '../testing/everybody.ts'
import { startIdentityProvider, type IdentityProvider } from '../testing/identity-provider.ts'

let all: Everybody
let provider: IdentityProvider
beforeAll(async () => {
  all = await everybody()
  provider = await startIdentityProvider('holdfast')
  process.env['AUTH_TRUST_HOST'] = 'true'
  process.env['OIDC_ISSUER'] = provider.issuer
  process.env['OIDC_CLIENT_ID'] = 'holdfast'
  process.env['OIDC_CLIENT_SECRET'] = 'a secret of the provider and ours'
})
afterAll(async () => {
  provider.close()
  await all.close()
})

/** A browser's cookies, and next-auth's routes called the way that needs no running Next. */
function browser() {
  const jar = new Map<string, string>()
  const headers = { host: new URL(origin).host, 'x-forwarded-proto': 'http' }
  return {
    cookies: () =>
      new Headers({ ...headers, cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') }),
    async visit(method: string, address: string, body: Record<string, string> = {}) {
      const url = new URL(address, origin)
      const seen: { location?: string; body?: unknown } = {}
      const reply = {
        status: () => reply,
        getHeader: () => [],
        setHeader(name: string, value: string | string[]) {
          if (name === 'Location') seen.location = String(value)
          for (const cookie of name === 'Set-Cookie' ? [value].flat() : []) {
            const [, key = '', text = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
            jar.set(key, text)
          }
          return reply
        },
        json: (sent: unknown) => (seen.body = sent),
        send: (sent: unknown) => (seen.body = sent),
        end: () => reply,
      }
      const nextauth = url.pathname.split('/').slice(3)
      const cookies = Object.fromEntries([...jar].map(([name, value]) => [name, decodeURIComponent(value)]))
      const query = { ...Object.fromEntries(url.searchParams), nextauth }
      await NextAuth(
        { method, query, body, cookies, headers } as never,
        reply as never,
        authOptions(new Headers(headers)),
      )
      return seen
    },
  }
}

/** Signs in at the provider as whoever its claims say. @returns who we think it is, and where next-auth sent them */
async function signInAs(claims: Record<string, unknown>) {
  provider.claims = claims
  const person = browser()
  const { csrfToken } = (await person.visit('GET', '/api/auth/csrf')).body as { csrfToken: string }
  const asked = await person.visit('POST', '/api/auth/signin/oidc', { csrfToken })
  const back = await fetch(asked.location ?? '', { redirect: 'manual' })
  const { location } = await person.visit('GET', back.headers.get('location') ?? '')
  return { actor: await sessionActor(person.cookies()), location }
}

test('single sign-on makes an account on the first visit and follows the role it claims', async () => {
  const sam = { sub: '7', email: 'Sam@idp.test', email_verified: true, name: 'Sam' }
  const first = await signInAs(sam)
  expect(first.actor).toMatchObject({ name: 'sam@idp.test', role: 'viewer', via: 'session' })
  const later = await signInAs({ ...sam, role: 'operator' })
  expect(later.actor).toMatchObject({ id: first.actor?.id, role: 'operator' })
})

test('an e-mail that the provider did not verify opens nobody’s account', async () => {
  const { actor, location } = await signInAs({ sub: '8', email: all.people.admin.email, role: 'admin' })
  expect(actor).toBeNull()
  expect(location).toContain('error=oidc_email_not_verified')
})

test('an id_token of another provider is refused', async () => {
  const { actor } = await signInAs({
    sub: '9',
    email: 'eve@idp.test',
    email_verified: true,
    iss: 'https://evil.test',
  })
  expect(actor).toBeNull()
})
