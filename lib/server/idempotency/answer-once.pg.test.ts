import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { POST as createKey } from '../../../app/api/v1/api-keys/route.ts'
import { call, everybody, type Everybody } from '../testing/everybody.ts'

let all: Everybody
beforeAll(async () => {
  all = await everybody()
})
afterAll(() => all.close())

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
