import { encode } from 'next-auth/jwt'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { POST as changePassword } from '../../app/api/v1/account/password/route.ts'
import { POST as signOutEverywhere } from '../../app/api/v1/account/sign-out-everywhere/route.ts'
import { GET as listKeys, POST as createKey } from '../../app/api/v1/api-keys/route.ts'
import { GET as getAudit } from '../../app/api/v1/audit/route.ts'
import { DELETE as removeUser, PUT as setRole } from '../../app/api/v1/users/[id]/route.ts'
import { authOptions } from './auth.ts'
import { call, everybody, newPerson, testPassword, type Everybody } from './testing/everybody.ts'
import { signIn } from './users/sign-in.ts'

let all: Everybody
beforeAll(async () => {
  all = await everybody()
})
afterAll(() => all.close())

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
    const { id } = await newPerson()
    const token = await encode({
      token: { sub: id, sessionVersion: 1 },
      secret: 'another secret that somebody made up',
    })
    expect((await call(getAudit, { headers: { cookie: `next-auth.session-token=${token}` } })).status).toBe(
      401,
    )
  })

  test('ends with sign-out everywhere', async () => {
    const { headers } = await newPerson()
    expect((await call(signOutEverywhere, { method: 'POST', headers, body: {} })).status).toBe(200)
    expect((await call(getAudit, { headers })).status).toBe(401)
  })

  test('ends with a new password, but for the one that changed it', async () => {
    const { headers, email } = await newPerson()
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
    const { id, headers } = await newPerson('admin')
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
