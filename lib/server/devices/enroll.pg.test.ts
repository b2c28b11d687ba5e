import { afterAll, beforeAll, expect, test } from 'vitest'
import { POST as enroll } from '../../../app/api/v1/enroll/route.ts'
import { systemActor } from '../actor.ts'
import { listAudit } from '../audit/list.ts'
import { createEnrollmentKey } from '../enrollment-keys/create.ts'
import { revokeEnrollmentKey } from '../enrollment-keys/revoke.ts'
import { request, everybody, type Everybody } from '../testing/everybody.ts'
import { authenticateDevice } from './authenticate.ts'
import { changeDeviceStatus } from './set-status.ts'

let all: Everybody
const system = systemActor('test')
beforeAll(async () => {
  all = await everybody()
})
afterAll(() => all.close())

const body = (changes: Record<string, unknown> = {}) => ({
  enrollment_key: all.enrollmentKey,
  device_id: crypto.randomUUID(),
  incarnation: crypto.randomUUID(),
  name: 'Tablet 12',
  scopes: ['site-7'],
  ...changes,
})

async function send(sent: unknown, headers: Record<string, string> = {}) {
  const response = await enroll(request('/api/v1/enroll', { method: 'POST', headers, body: sent }))
  return { status: response.status, reply: (await response.json()) as Record<string, unknown> }
}

const bearer = (token: unknown) => new Headers({ authorization: `Bearer ${String(token)}` })

test('a device gets a token, the scopes it may have, and what it must know of the server', async () => {
  await all.own.db.$executeRaw`INSERT INTO table_policy (name, policy, updated_by)
    VALUES ('inspections', '{"strategy":"merge","priority":"critical","schema_version":3}', 'test')`
  const sent = body({ scopes: ['site-7', 'site-7', 'site-8'] })
  const { status, reply } = await send(sent)
  expect(status).toBe(201)
  expect(reply).toMatchObject({
    scopes: ['site-7', 'site-8'],
    limits: { chunk_changes: 100, max_body_bytes: 16_777_216 },
    tables: [{ name: 'inspections', strategy: 'merge', priority: 'critical', schema_version: 3 }],
  })
  expect(reply['epoch']).toMatch(/^[0-9a-f-]{36}$/)
  expect(reply['device_token']).toMatch(/^hf_dev_[\w-]{43}$/)
  const device = await authenticateDevice(bearer(reply['device_token']))
  expect(device).toMatchObject({ id: sent.device_id, incarnation: sent.incarnation, status: 'active' })
})

test('the token is nowhere in the database', async () => {
  const { reply } = await send(body())
  const token = String(reply['device_token'])
  const rows = await all.own.db.$queryRaw<{ found: bigint }[]>`
    SELECT (SELECT count(*) FROM device d WHERE d::text LIKE ${`%${token}%`}) + (SELECT count(*) FROM audit a WHERE a::text LIKE ${`%${token}%`}) AS found`
  expect(rows[0]?.found).toBe(0n)
})

test('granted is what was asked for and the key allows; nothing of it is refused', async () => {
  const key = await createEnrollmentKey(system, { name: 'two sites', scopes: ['site-1', 'site-2'] })
  const some = await send(body({ enrollment_key: key.secret, scopes: ['site-2', 'site-9'] }))
  expect(some.reply['scopes']).toEqual(['site-2'])
  const none = await send(body({ enrollment_key: key.secret, scopes: ['site-9'] }))
  expect(none).toMatchObject({ status: 403, reply: { code: 'forbidden' } })
})

test('enrolling again rotates the token, keeps the device, and is in the audit', async () => {
  const sent = body()
  const first = await send(sent)
  const incarnation = crypto.randomUUID()
  const second = await send({ ...sent, incarnation })
  expect(second.status).toBe(201)
  await expect(authenticateDevice(bearer(first.reply['device_token']))).rejects.toMatchObject({
    code: 'unauthenticated',
  })
  expect(await authenticateDevice(bearer(second.reply['device_token']))).toMatchObject({
    id: sent.device_id,
    incarnation,
  })
  const audit = await listAudit(system, { target_id: sent.device_id })
  expect(audit.items.map((item) => item.action)).toEqual(['device.reenroll', 'device.enroll'])
  const streams = await all.own.db
    .$queryRaw`SELECT 1 FROM device_stream WHERE device_id = ${sent.device_id}::uuid`
  expect(streams).toHaveLength(2)
})

test('a request that comes again with the token the device made means the same token, whatever the key allows', async () => {
  const key = await createEnrollmentKey(system, { name: 'once', allow_reenroll: false })
  const device_token = `hf_dev_${'0123456789abcdef'.repeat(4)}`
  const sent = body({ enrollment_key: key.secret, device_token })
  const first = await send(sent)
  expect(first).toMatchObject({ status: 201, reply: { device_token, scopes: ['site-7'] } })
  // Its scopes were changed since: a repetition gives nothing back.
  await all.own.db.$executeRaw`UPDATE device SET scopes = '{site-8}' WHERE id = ${sent.device_id}::uuid`
  await revokeEnrollmentKey(system, key.id)
  const again = await send(sent)
  expect(again).toMatchObject({ status: 201, reply: { device_token, scopes: ['site-8'] } })
  expect(await authenticateDevice(bearer(device_token))).toMatchObject({ id: sent.device_id })
  const audit = await listAudit(system, { target_id: sent.device_id })
  expect(audit.items.map((item) => item.action)).toEqual(['device.enroll'])
  // Another token needs the key, as ever.
  const other = await send({ ...sent, device_token: `hf_dev_${'f'.repeat(64)}` })
  expect(other).toMatchObject({ status: 401 })
})

test('a token that a device makes is as long as one of ours, and nobody else’s', async () => {
  expect(await send(body({ device_token: 'hf_dev_short' }))).toMatchObject({ status: 422 })
  const device_token = `hf_dev_${'a1'.repeat(32)}`
  expect((await send(body({ device_token }))).status).toBe(201)
  expect(await send(body({ device_token }))).toMatchObject({ status: 409, reply: { code: 'conflict' } })
})

test('a key that may not replace tokens leaves an enrolled device alone', async () => {
  const key = await createEnrollmentKey(system, { name: 'first time', allow_reenroll: false })
  const sent = body({ enrollment_key: key.secret })
  const first = await send(sent)
  expect(await send(sent)).toMatchObject({ status: 403, reply: { code: 'forbidden' } })
  expect(await authenticateDevice(bearer(first.reply['device_token']))).toMatchObject({ id: sent.device_id })
})

test('a key is used as often as it may be, also at once, and not once more', async () => {
  const key = await createEnrollmentKey(system, { name: 'three tablets', max_uses: 3 })
  const sent = await Promise.all(Array.from({ length: 8 }, () => send(body({ enrollment_key: key.secret }))))
  expect(sent.filter(({ status }) => status === 201)).toHaveLength(3)
  expect(sent.filter(({ status }) => status === 403)).toHaveLength(5)
})

test('expired, revoked and unknown keys are not valid', async () => {
  const expired = await createEnrollmentKey(system, { name: 'old', expires_at: '2020-01-01T00:00:00Z' })
  const revoked = await createEnrollmentKey(system, { name: 'lost' })
  await revokeEnrollmentKey(system, revoked.id)
  for (const secret of [expired.secret, revoked.secret, 'hf_enr_guess']) {
    expect(await send(body({ enrollment_key: secret }))).toMatchObject({
      status: 401,
      reply: { code: 'unauthenticated' },
    })
  }
})

test('a revoked device does not get in again before it is restored', async () => {
  const sent = body()
  const first = await send(sent)
  await changeDeviceStatus(system, 'revoke', { id: sent.device_id })
  expect(await send(sent)).toMatchObject({ status: 403, reply: { code: 'device_revoked' } })
  expect(await authenticateDevice(bearer(first.reply['device_token']))).toMatchObject({ status: 'revoked' })
  await changeDeviceStatus(system, 'restore', { id: sent.device_id })
  expect((await send(sent)).status).toBe(201)
})

test('the wrong shape is told by pointer', async () => {
  const { status, reply } = await send(body({ device_id: 'no uuid', scopes: [''] }))
  expect(status).toBe(422)
  expect(reply['errors']).toMatchObject([{ pointer: '/device_id' }, { pointer: '/scopes/0' }])
})

test('text that Postgres cannot hold is refused, not a fault', async () => {
  expect(await send(body({ name: 'NUL \u0000' }))).toMatchObject({
    status: 422,
    reply: { errors: [{ pointer: '/name' }] },
  })
})

test('guessing keys ends after a while, for that network alone', async () => {
  const from = { 'x-holdfast-client': '203.0.113.9' }
  const guesses = await Promise.all(
    Array.from({ length: 60 }, (_, i) => send(body({ enrollment_key: `guess ${i}` }), from)),
  )
  expect(new Set(guesses.map(({ status }) => status))).toEqual(new Set([401]))
  const limited = await send(body(), from)
  expect(limited).toMatchObject({ status: 429, reply: { code: 'throttled', retryable: true } })
  expect(limited.reply['retry_after_ms']).toBeGreaterThan(0)
  expect((await send(body(), { 'x-holdfast-client': '203.0.113.10' })).status).toBe(201)
})
