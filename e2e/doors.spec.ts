import { randomUUID } from 'node:crypto'
import { keys } from './accounts.ts'
import { expect, test } from './test.ts'

test('a page runs its own scripts and no others', async ({ signedIn }) => {
  const page = await signedIn('viewer')
  const reply = await page.goto('/devices')
  const policy = reply?.headers()['content-security-policy'] ?? ''
  const nonce = /'nonce-([^']+)'/.exec(policy)?.[1] ?? ''
  expect(policy).toContain(`script-src 'self' 'nonce-${nonce}' 'strict-dynamic'`)
  expect(policy).not.toMatch(/script-src[^;]*unsafe/)
  const html = (await reply?.text()) ?? ''
  const scripts = html.match(/<script\b[^>]*>/g) ?? []
  expect(scripts.length).toBeGreaterThan(3)
  expect(scripts.filter((script) => !script.includes(`nonce="${nonce}"`))).toEqual([])
  const again = await page.goto('/devices')
  expect(again?.headers()['content-security-policy']).not.toContain(nonce)

  // As if a record's text had found a way into the page.
  await page.evaluate(() => {
    const planted = document.createElement('div')
    planted.innerHTML = `<img src="data:," onerror="document.title = 'planted'">`
    document.body.append(planted)
  })
  await page.waitForTimeout(200)
  expect(await page.title()).not.toBe('planted')
})

test('the cookie is out of scripts’ reach, and signing out everywhere ends the other browser’s session', async ({
  signedIn,
  baseURL,
}) => {
  const [here, there] = [await signedIn('viewer'), await signedIn('viewer')]
  const cookie = (await here.context().cookies()).find(({ name }) => name.endsWith('next-auth.session-token'))
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Lax' })
  const signOut = (headers: Record<string, string>) =>
    here.request.post('/api/v1/account/sign-out-everywhere', { data: {}, headers })
  expect((await signOut({ origin: 'https://evil.test' })).status()).toBe(403)
  await there.goto('/devices')
  await expect(there).toHaveURL(/devices/)
  expect((await signOut({ origin: baseURL! })).status()).toBe(200)
  await there.goto('/devices?state=critical')
  await expect(there).toHaveURL(/sign-in\?callbackUrl=%2Fdevices%3Fstate%3Dcritical/)
})

test('the API answers with problems where there is nothing, and takes bodies whole', async ({ request }) => {
  const problem = async (reply: { status: () => number; json: () => Promise<unknown> }) => [
    reply.status(),
    ((await reply.json()) as { code: string }).code,
  ]
  expect(await problem(await request.get('/api/v1/nothing/here'))).toEqual([404, 'not_found'])
  expect(await problem(await request.get('/api/v1/%ff'))).toEqual([404, 'not_found'])
  expect(await problem(await request.put('/api/v1/sync'))).toEqual([405, 'method_not_allowed'])
  expect(await problem(await request.get('/api/v1/devices'))).toEqual([401, 'unauthenticated'])
  expect(await problem(await request.get('/api/auth/csrf?callbackUrl=javascript:0'))).toEqual([
    400,
    'malformed',
  ])

  const device = { device_id: randomUUID(), incarnation: randomUUID() }
  const enrolment = { ...device, enrollment_key: keys.enrollment, name: 'Large', scopes: ['large'] }
  const enrolled = await request.post('/api/v1/enroll', { data: enrolment })
  const { device_token } = (await enrolled.json()) as { device_token: string }
  const headers = { authorization: `Bearer ${device_token}` }
  // Next cuts what goes through its proxy at 10 MB: this must not go through it.
  const send = (sizeBytes: number) =>
    request.post('/sync', {
      headers,
      data: { ...device, changes: [{ op_id: randomUUID(), junk: 'x'.repeat(sizeBytes) }] },
    })
  expect((await send(12_000_000)).status()).toBe(200)
  expect(await problem(await send(17_000_000))).toEqual([413, 'payload_too_large'])
})
