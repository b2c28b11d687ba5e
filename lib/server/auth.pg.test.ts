import { encode } from 'next-auth/jwt'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { POST as changePassword } from '../../app/api/v1/account/password/route.ts'
import { POST as signOutEverywhere } from '../../app/api/v1/account/sign-out-everywhere/route.ts'
import { GET as getAudit } from '../../app/api/v1/audit/route.ts'
import { GET as listKeys, POST as createKey } from '../../app/api/v1/api-keys/route.ts'
import { DELETE as revokeKey } from '../../app/api/v1/api-keys/[id]/route.ts'
import { DELETE as removeUser, PUT as setRole } from '../../app/api/v1/users/[id]/route.ts'
import { POST as createUser } from '../../app/api/v1/users/route.ts'
import { systemActor } from './actor.ts'
import { authOptions } from './auth.ts'
import { createUser as newUser } from './users/create.ts'
import { admitOidc } from './users/oidc.ts'
import { signIn } from './users/sign-in.ts'
import { everybody, request, testPassword, type Everybody } from './testing/everybody.ts'
import type { Route } from './http/door.ts'

let all: Everybody
const system = systemActor('test')
beforeAll(async () => {
  all = await everybody()
})
afterAll(() => all.close())

type Sent = { method?: string; headers?: Record<string, string>; body?: unknown; id?: string }
async function call(route: Route, sent: Sent = {}) {
  const context = { params: Promise.resolve(sent.id === undefined ? {} : { id: sent.id }) }
  const response = await route(request('/api/v1/somewhere', sent), context)
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    body: JSON.parse(text) as Record<string, unknown>,
  }
}

/** Somebody new with a session, for tests that end it. */
async function person(role: 'viewer' | 'operator' | 'admin' = 'viewer') {
  const email = `${crypto.randomUUID()}@holdfast.test`
  const user = await newUser(system, { email, role, password: testPassword })
  const token = await encode({
    token: { sub: user.id, sessionVersion: 1 },
    secret: process.env['HOLDFAST_SESSION_SECRET']!,
  })
  const headers = { ...all.people.viewer.headers, cookie: `next-auth.session-token=${token}` }
  return { ...user, headers }
}

describe('a session', () => {
  test('opens the console', async () => {
    expect((await call(getAudit, { headers: all.people.viewer.headers })).status).toBe(200)
  })

  test.each([
    ['made up', 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAA.BBBB.CCCC'],
    ['empty', ''],
    ['of nobody', null],
  ])('that is %s does not', async (_, given) => {
    const secret = process.env['HOLDFAST_SESSION_SECRET']!
    const token = given ?? (await encode({ token: { sub: crypto.randomUUID(), sessionVersion: 1 }, secret }))
    const { status, body } = await call(getAudit, { headers: { cookie: `next-auth.session-token=${token}` } })
    expect([status, body['code']]).toEqual([401, 'unauthenticated'])
  })

  test('sealed with another secret does not', async () => {
    const { id } = await person()
    const token = await encode({
      token: { sub: id, sessionVersion: 1 },
      secret: 'another secret that somebody made up',
    })
    expect((await call(getAudit, { headers: { cookie: `next-auth.session-token=${token}` } })).status).toBe(
      401,
    )
  })

  test('ends with sign-out everywhere', async () => {
    const { headers } = await person()
    expect((await call(signOutEverywhere, { method: 'POST', headers, body: {} })).status).toBe(200)
    expect((await call(getAudit, { headers })).status).toBe(401)
  })

  test('ends with a new password, but for the one that changed it', async () => {
    const { headers, email } = await person()
    const change = (current_password: string, new_password: string) =>
      call(changePassword, { method: 'POST', headers, body: { current_password, new_password } })
    expect(await change('wrong', 'a new long password')).toMatchObject({ status: 403 })
    expect(await change(testPassword, 'short')).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/new_password' }] },
    })
    const changed = await change(testPassword, 'a new long password')
    expect(changed.status).toBe(200)
    expect((await call(getAudit, { headers })).status).toBe(401)
    const cookie = changed.headers.get('set-cookie')
    expect(cookie).toMatch(/^next-auth\.session-token=[^;]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=\d+$/)
    expect((await call(getAudit, { headers: { cookie: cookie!.split(';')[0]! } })).status).toBe(200)
    await expect(signIn({ email, password: testPassword }, 'test')).rejects.toMatchObject({
      code: 'unauthenticated',
    })
    expect(await signIn({ email, password: 'a new long password' }, 'test')).toMatchObject({ email })
  })

  test('ends with the account, and its rights with the role', async () => {
    const { id, headers } = await person('admin')
    expect((await call(listKeys, { headers })).status).toBe(200)
    const put = { method: 'PUT', headers: all.keys.admin, id, body: { role: 'viewer' } }
    expect(await call(setRole, put)).toMatchObject({ status: 200, body: { role: 'viewer' } })
    expect((await call(listKeys, { headers })).status).toBe(401)
    expect((await call(removeUser, { method: 'DELETE', headers: all.keys.admin, id })).status).toBe(200)
    expect((await call(removeUser, { method: 'DELETE', headers: all.keys.admin, id })).status).toBe(404)
  })

  test('over https has a cookie that only https carries', () => {
    expect(authOptions(new Headers({ 'x-forwarded-proto': 'https' })).useSecureCookies).toBe(true)
    expect(authOptions(new Headers({ 'x-forwarded-proto': 'http' })).useSecureCookies).toBe(false)
  })
})

describe('a write with a cookie', () => {
  const create = (headers: Record<string, string | undefined>) => {
    const merged = Object.entries({ ...all.people.admin.headers, ...headers }).filter(
      ([, value]) => value !== undefined,
    )
    return call(createKey, {
      method: 'POST',
      headers: Object.fromEntries(merged) as Record<string, string>,
      body: { name: 'from a browser' },
    })
  }

  test('from this site is done', async () => {
    expect(await create({})).toMatchObject({ status: 201, body: { role: 'viewer' } })
    expect(await create({ 'sec-fetch-site': undefined })).toMatchObject({ status: 201 })
    expect(await create({ origin: undefined })).toMatchObject({ status: 201 })
  })

  test.each([
    ['from another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.test' }],
    [
      'from another host of this site',
      { 'sec-fetch-site': 'same-site', origin: 'http://other.holdfast.test' },
    ],
    ['from another origin in an old browser', { 'sec-fetch-site': undefined, origin: 'https://evil.test' }],
    ['from another port', { 'sec-fetch-site': undefined, origin: 'http://holdfast.test:8080' }],
    ['from a sandboxed frame', { 'sec-fetch-site': undefined, origin: 'null' }],
    ['from nobody knows where', { 'sec-fetch-site': undefined, origin: undefined }],
  ])('%s is refused', async (_, headers) => {
    expect(await create(headers)).toMatchObject({ status: 403, body: { code: 'forbidden' } })
  })

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'])(
    'as %s is refused: a form could send it',
    async (type) => {
      expect((await create({ 'content-type': type })).status).toBe(415)
    },
  )
})

describe('keys', () => {
  test('a secret is shown once, works at once, and not after it was revoked', async () => {
    const created = await call(createKey, {
      method: 'POST',
      headers: all.keys.admin,
      body: { name: 'script', role: 'operator' },
    })
    const { id, secret } = created.body as { id: string; secret: string }
    expect(secret).toMatch(/^hf_api_/)
    const headers = { authorization: `Bearer ${secret}` }
    expect((await call(getAudit, { headers })).status).toBe(200)
    expect(JSON.stringify((await call(listKeys, { headers: all.keys.admin })).body)).not.toContain(secret)
    expect((await call(revokeKey, { method: 'DELETE', headers: all.keys.admin, id })).body).toMatchObject({
      id,
      name: 'script',
    })
    expect((await call(getAudit, { headers })).status).toBe(401)
    expect((await call(revokeKey, { method: 'DELETE', headers: all.keys.admin, id: 'no-uuid' })).status).toBe(
      404,
    )
  })

  test('an API key has no account to change', async () => {
    expect(
      (await call(signOutEverywhere, { method: 'POST', headers: all.keys.admin, body: {} })).status,
    ).toBe(403)
  })
})

describe('an Idempotency-Key', () => {
  const create = (key: string, body: unknown, headers = all.keys.admin) =>
    call(createKey, { method: 'POST', headers: { ...headers, 'idempotency-key': key }, body })

  test('makes a write happen once, with the same answer', async () => {
    const first = await create('once', { name: 'once' })
    const second = await create('once', { name: 'once' })
    expect(second).toMatchObject({ status: 201, body: first.body })
    expect(second.headers.get('idempotency-replayed')).toBe('true')
    const rows = await all.own.db.$queryRaw`SELECT 1 FROM api_key WHERE name = 'once'`
    expect(rows).toHaveLength(1)
  })

  test('is refused for another write, and is another actor’s own', async () => {
    await create('mine', { name: 'first' })
    expect(await create('mine', { name: 'second' })).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    })
    expect((await create('mine', { name: 'first' }, all.people.admin.headers)).status).toBe(201)
  })

  test('is free again after a write that failed', async () => {
    expect((await create('again', { name: '' })).status).toBe(422)
    expect((await create('again', { name: 'now right' })).status).toBe(201)
  })

  test('keeps no secret in the database', async () => {
    const { secret } = (await create('hidden', { name: 'hidden' })).body as { secret: string }
    const rows = await all.own.db.$queryRaw<{ text: string }[]>`SELECT i::text AS text FROM idempotency_key i`
    const everything = rows.map(
      ({ text }) => text + Buffer.from(/([\w+/=]{80,})/.exec(text)?.[1] ?? '', 'base64').toString('latin1'),
    )
    expect(everything.join()).not.toContain(secret)
    expect(everything.join()).not.toContain('hidden')
  })

  test('sent five times at once happens once', async () => {
    const sent = await Promise.all(Array.from({ length: 5 }, () => create('race', { name: 'race' })))
    expect(sent.map(({ status }) => status)).toContain(201)
    expect(await all.own.db.$queryRaw`SELECT 1 FROM api_key WHERE name = 'race'`).toHaveLength(1)
  })
})

describe('sign-in', () => {
  test('the same answer for a wrong password and for nobody', async () => {
    const { email } = await person()
    const wrong = signIn({ email, password: 'not the password' }, 'network-1')
    const nobody = signIn({ email: 'nobody@holdfast.test', password: 'not the password' }, 'network-1')
    const messages = (await Promise.allSettled([wrong, nobody])).map(
      (result) => result.status === 'rejected' && String(result.reason),
    )
    expect(messages[0]).toBe(messages[1])
    expect(messages[0]).toContain('E-mail or password is wrong')
  })

  test('an account is closed for a while after ten wrong passwords, from wherever; a right one before clears the count', async () => {
    const { email } = await person()
    const guess = (i: number) =>
      signIn({ email: email.toUpperCase(), password: `guess ${i}` }, `network-${i}`).catch(
        (error: { code: string }) => error.code,
      )
    for (let i = 0; i < 9; i++) expect(await guess(i)).toBe('unauthenticated')
    expect(await signIn({ email, password: testPassword }, 'home')).toMatchObject({ email })
    const guesses = await Promise.all(Array.from({ length: 14 }, (_, i) => guess(i)))
    expect(guesses.filter((code) => code === 'unauthenticated')).toHaveLength(10)
    expect(guesses.filter((code) => code === 'throttled')).toHaveLength(4)
    await expect(signIn({ email, password: testPassword }, 'home')).rejects.toMatchObject({
      code: 'throttled',
    })
  })

  test('a network is closed for a while after sixty wrong passwords; right ones do not count', async () => {
    const { email } = await person()
    for (let i = 0; i < 3; i++) await signIn({ email, password: testPassword }, 'office')
    await all.own.db
      .$executeRaw`UPDATE rate_limit SET points = 60 WHERE key LIKE 'sign_in_network:%' AND points = 0`
    await expect(signIn({ email, password: testPassword }, 'office')).rejects.toMatchObject({
      code: 'throttled',
    })
    expect(await signIn({ email, password: testPassword }, 'elsewhere')).toMatchObject({ email })
  })

  test.each([
    null,
    {},
    { email: 'a@b.test' },
    { email: ['a'], password: {} },
    { email: 'x'.repeat(9_999), password: 'y' },
  ])('nonsense (%o) is refused, not a fault', async (credentials) => {
    await expect(signIn(credentials, 'nonsense')).rejects.toMatchObject({ code: 'unauthenticated' })
  })
})

describe('people', () => {
  test('the last administrator stays one', async () => {
    await all.own.db
      .$executeRaw`UPDATE user_account SET role = 'viewer' WHERE id <> ${all.people.admin.id}::uuid`
    const id = all.people.admin.id
    expect(await call(removeUser, { method: 'DELETE', headers: all.keys.admin, id })).toMatchObject({
      status: 409,
    })
    expect(
      await call(setRole, { method: 'PUT', headers: all.keys.admin, id, body: { role: 'operator' } }),
    ).toMatchObject({ status: 409 })
    const created = await call(createUser, {
      method: 'POST',
      headers: all.keys.admin,
      body: { email: 'Second@Holdfast.test', role: 'admin' },
    })
    expect(created).toMatchObject({ status: 201, body: { email: 'second@holdfast.test' } })
    expect(
      await signIn({ email: 'second@holdfast.test', password: created.body['secret'] }, 'test'),
    ).toMatchObject({ role: 'admin' })
    const again = await call(createUser, {
      method: 'POST',
      headers: all.keys.admin,
      body: { email: 'second@holdfast.test' },
    })
    expect(again).toMatchObject({ status: 409, body: { code: 'conflict' } })
  })

  test('single sign-on admits as viewer, or in the role it claims, and not on an unverified e-mail', async () => {
    expect(await admitOidc({ sub: '1', email: 'new@idp.test', email_verified: true })).toMatchObject({
      role: 'viewer',
    })
    expect(await admitOidc({ sub: '1', email: 'new@idp.test', role: ['viewer', 'operator'] })).toMatchObject({
      role: 'operator',
    })
    await expect(admitOidc({ sub: '2', email: 'x@idp.test', email_verified: false })).rejects.toMatchObject({
      code: 'forbidden',
    })
    // An account with a password is not handed to whoever the provider lets have its e-mail.
    await expect(admitOidc({ sub: '3', email: all.people.admin.email })).rejects.toMatchObject({
      code: 'forbidden',
    })
  })
})
