import { afterAll, beforeAll, expect, test } from 'vitest'
import { personActor, systemActor } from '../actor.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { appendAudit } from './append.ts'
import { listAudit } from './list.ts'
import { verifyAudit } from './verify.ts'

let own: TestDatabase
const admin = personActor({ id: 'a', name: 'admin@example.org', role: 'admin', via: 'session' })
const viewer = personActor({ id: 'v', name: 'viewer@example.org', role: 'viewer', via: 'session' })

beforeAll(async () => {
  own = await testDatabase()
  process.env['DATABASE_URL'] = own.url
  for (let i = 1; i <= 5; i++) {
    await appendAudit(own.db, [
      {
        actor: admin,
        action: 'device.revoke',
        target: 'device',
        targetId: `d${i}`,
        reason: `lost ${i}`,
        before: { n: i },
      },
    ])
  }
  await appendAudit(own.db, [
    { actor: systemActor('start'), action: 'user.create', target: 'user', targetId: 'u1' },
  ])
})
afterAll(() => own.close())

/** As somebody with the keys to the server would: past the trigger and the role. */
async function tamper(statement: string): Promise<void> {
  await own.db.$transaction([
    own.db.$executeRawUnsafe('RESET ROLE'),
    own.db.$executeRawUnsafe(`SET LOCAL session_replication_role = replica`),
    own.db.$executeRawUnsafe(statement),
  ])
}

test('lists the newest first, filtered, page by page, with an exact total', async () => {
  const first = await listAudit(viewer, { action: 'device', limit: 3 })
  expect(first.items.map((item) => item.target_id)).toEqual(['d5', 'd4', 'd3'])
  expect(first.total).toBe(5)
  const rest = await listAudit(viewer, { action: 'device', limit: 3, cursor: first.next_cursor ?? '' })
  expect(rest.items.map((item) => item.target_id)).toEqual(['d2', 'd1'])
  expect(rest.next_cursor).toBeNull()
  expect((await listAudit(viewer, { q: 'LOST 4' })).items).toMatchObject([
    { target_id: 'd4', before: { n: 4 } },
  ])
  expect((await listAudit(viewer, { actor: 'start' })).items).toMatchObject([{ action: 'user.create' }])
})

test('refuses a cursor that is not its own', async () => {
  await expect(listAudit(viewer, { cursor: 'nonsense' })).rejects.toMatchObject({ code: 'invalid_request' })
})

test('a viewer may not verify', async () => {
  await expect(verifyAudit(viewer)).rejects.toMatchObject({ code: 'forbidden' })
})

test('the application may not rewrite the audit', async () => {
  await expect(own.db.$executeRaw`UPDATE audit SET reason = 'x'`).rejects.toThrow(
    /permission denied|append-only/,
  )
})

test('the chain holds until an entry is changed, added or removed, and then it says which', async () => {
  expect(await verifyAudit(admin)).toEqual({ ok: true, checked: 6, last_id: 6, broken: null })
  await tamper(`UPDATE audit SET reason = 'stolen' WHERE id = 3`)
  expect(await verifyAudit(admin)).toMatchObject({
    ok: false,
    checked: 2,
    broken: { id: 3, reason: 'changed' },
  })
  await tamper(`UPDATE audit SET reason = 'lost 3' WHERE id = 3`)
  expect(await verifyAudit(admin)).toMatchObject({ ok: true })
  // Behind the head, where the chain does not lead.
  await tamper(`INSERT INTO audit SELECT (jsonb_populate_record(a, '{"id": 9}')).* FROM audit a WHERE id = 5`)
  expect(await verifyAudit(admin)).toMatchObject({
    ...{ ok: false, checked: 6, last_id: 6 },
    broken: { id: 9, reason: 'added' },
  })
  await tamper(`DELETE FROM audit WHERE id = 9`)
  await tamper(`DELETE FROM audit WHERE id = 6`)
  expect(await verifyAudit(admin)).toMatchObject({ ok: false, broken: { id: 6, reason: 'missing' } })
})
