import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { putPolicy, RawDevice } from '../testing/raw-device.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
  await putPolicy(database.db, { name: 'things', strategy: 'lww' })
  await putPolicy(database.db, { name: 'cases', strategy: 'manual' })
})
afterAll(() => database.close())

/** Two devices in two scopes of their own. */
async function pair() {
  const scopes = [randomUUID(), randomUUID()]
  const [one, other] = await Promise.all([0, 1].map(() => RawDevice.enrol(database.db, scopes)))
  return { one: one!, other: other!, scope: scopes[0]!, elsewhere: scopes[1]! }
}

describe('an answer that is given again', () => {
  test('is said to be covered once the token has gone past what it tells', async () => {
    const { one, other, scope } = await pair()
    const created = one.change({ scope })
    await one.send([created])
    await other.sync([
      other.change({ scope, operation: 'DELETE', record_id: created.record_id, base_version: 1 }),
    ])
    const early = await one.send([created])
    expect(early.accepted).toHaveLength(1)
    expect(early.covered).toBeUndefined()
    await one.sync()
    const late = await one.send([created])
    expect(late.covered).toEqual([created.op_id])
    expect(late.accepted).toEqual(early.accepted)
    expect(late.server_changes).toEqual([])
    one.resyncReason = 'history_diverged'
    const due = await one.send([created])
    expect(due.resync).not.toBeNull()
    expect(due.covered).toEqual([created.op_id])
  })

  test('is covered where the record moved away, in the scope that it left', async () => {
    const { one, other, scope, elsewhere } = await pair()
    const created = one.change({ scope })
    await one.send([created])
    const { record_id } = created
    const move = { operation: 'UPDATE', scope: elsewhere, from_scope: scope, record_id } as const
    await other.send([other.change({ ...move, base_version: 1 })])
    await one.sync()
    expect((await one.send([created])).covered).toEqual([created.op_id])
  })

  test('is not covered by a token of before it, nor by the positions of other scopes', async () => {
    const { one, scope, elsewhere } = await pair()
    await one.sync([one.change({ scope: elsewhere }), one.change({ scope: elsewhere })])
    await one.sync([one.change({ scope })])
    const created = one.change({ scope })
    await one.send([created])
    const again = await one.send([created])
    expect(again.covered).toBeUndefined()
    expect(again.server_changes).toHaveLength(1)
  })

  test('names the conflicts that were settled since', async () => {
    const { one, other, scope } = await pair()
    const created = one.change({ scope, table: 'cases' })
    const { record_id } = created
    await one.sync([created])
    const edit = { scope, table: 'cases', operation: 'UPDATE', record_id, base_version: 1 } as const
    await other.send([other.change({ ...edit, data: { name: 'theirs' } })])
    const clashing = one.change({ ...edit, data: { name: 'mine' } })
    const first = await one.send([clashing])
    const id = first.conflicts[0]!.conflict_id!
    expect((await one.send([clashing])).settled).toBeUndefined()
    await database.db.$executeRaw`
      UPDATE conflict SET state = 'resolved', resolved_at = now() WHERE id = ${id}::uuid`
    const again = await one.send([clashing])
    expect(again.conflicts).toEqual(first.conflicts)
    expect(again.settled).toEqual([id])
  })
})

test('a reply says what the device is granted now', async () => {
  const { one, scope } = await pair()
  expect((await one.sync()).scopes).toEqual(one.scopes)
  one.scopes = [scope]
  expect((await one.sync()).scopes).toEqual([scope])
})
