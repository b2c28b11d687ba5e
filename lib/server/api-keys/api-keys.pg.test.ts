import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { POST as signOutEverywhere } from '../../../app/api/v1/account/sign-out-everywhere/route.ts'
import { DELETE as revokeKey } from '../../../app/api/v1/api-keys/[id]/route.ts'
import { GET as listKeys, POST as createKey } from '../../../app/api/v1/api-keys/route.ts'
import { GET as getAudit } from '../../../app/api/v1/audit/route.ts'
import { call, everybody, type Everybody } from '../testing/everybody.ts'

let all: Everybody
beforeAll(async () => {
  all = await everybody()
})
afterAll(() => all.close())

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
