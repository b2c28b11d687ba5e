import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { personActor } from '../actor.ts'
import { compact } from '../retention/compact.ts'
import type { Ask } from '../retention/store.ts'
import { age, history as historyIn, ownerOf } from '../retention/testing/age.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { putPolicy, RawDevice } from '../testing/raw-device.ts'
import { getReach } from './reach.ts'

const viewer = personActor({ id: 'v', name: 'viewer', role: 'viewer', via: 'session' })
const table = 'things'
let database: TestDatabase
let owner: { ask: Ask; end: () => Promise<void> }

beforeAll(async () => {
  database = await testDatabase()
  owner = await ownerOf(database.url)
  process.env['DATABASE_URL'] = database.url
  await putPolicy(database.db, { name: table, strategy: 'merge' })
})
afterAll(async () => {
  await owner.end()
  await database.close()
})

const standAt = (device: RawDevice, acknowledged: object) =>
  owner.ask(
    `INSERT INTO device_health (device_id, acknowledged) VALUES ($1, $2)
     ON CONFLICT (device_id) DO UPDATE SET acknowledged = excluded.acknowledged`,
    [device.id, JSON.stringify(acknowledged)],
  )

test('a table without records has no feeds', async () => {
  expect(await getReach(viewer, 'nothing')).toEqual({
    ...{ scopes: 0, compacted: 0, behind: 0, last_compacted_at: null, items: [] },
  })
})

test('the mark, since when, the last compaction, and who is behind it, scope by scope', async () => {
  const [old, young] = [`old ${randomUUID()}`, `young ${randomUUID()}`]
  await historyIn(database.db, old, table)
  await historyIn(database.db, young, table)
  await age(owner.ask, old, 5, 100)
  await compact(owner.ask, { minAgeHours: 0 })
  const [behind, level, never, revoked] = [
    await RawDevice.enrol(database.db, [old, young]),
    await RawDevice.enrol(database.db, [old]),
    await RawDevice.enrol(database.db, [old]),
    await RawDevice.enrol(database.db, [old]),
  ]
  await standAt(behind, { [old]: 4, [young]: 1 })
  await standAt(level, { [old]: 5 })
  await standAt(never, {})
  await standAt(revoked, { [old]: 1 })
  await owner.ask(`UPDATE device SET status = 'revoked' WHERE id = $1`, [revoked.id])

  const reach = await getReach(viewer, table)
  expect(reach).toMatchObject({ scopes: 2, compacted: 1, behind: 1 })
  const [first, second] = reach.items
  expect(first).toMatchObject({ scope: old, min_seq: 5, head_seq: 8, behind: 1 })
  expect(first?.compacted_at).toBe(reach.last_compacted_at)
  expect(Date.now() - Date.parse(first?.compacted_at ?? '')).toBeLessThan(60_000)
  // Commit 6 is the first that is still there one by one: it was not made older.
  expect(Date.now() - Date.parse(first?.begins_at ?? '')).toBeLessThan(60_000)
  expect(second).toMatchObject({ scope: young, min_seq: 0, head_seq: 8, behind: 0, compacted_at: null })
})
