import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { maxSkewMs } from '#lib/core/admit.ts'
import { setLwwRegister } from '#lib/core/crdt/lww-register.ts'
import { formatHlc, hlcNode } from '#lib/core/hlc.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { putPolicy, RawDevice } from '../testing/raw-device.ts'
import { sha256Hex } from './read-changes.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
  await putPolicy(database.db, { name: 'things', strategy: 'lww' })
  await putPolicy(database.db, { name: 'cases', strategy: 'manual' })
  await putPolicy(database.db, {
    name: 'notes',
    strategy: 'ot',
    fields: { state: { strategy: 'crdt', type: 'lww-register' } },
  })
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

  test('is not covered by a token at the head, where its operation is new and comes twice in one batch', async () => {
    const { one, scope } = await pair()
    await one.sync([one.change({ scope })])
    const created = one.change({ scope })
    const twice = await one.send([created, created])
    expect(twice.accepted).toHaveLength(2)
    expect(twice.covered).toBeUndefined()
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

  test('is of the scope that the record was to leave, where it was deleted there before it was moved and deleted', async () => {
    const { one, other, scope, elsewhere } = await pair()
    const created = one.change({ scope })
    await one.send([created])
    const { record_id } = created
    const gone = { operation: 'DELETE', scope, record_id, base_version: 1 } as const
    await other.send([other.change(gone)])
    const deletion = one.change({ ...gone, scope: elsewhere, from_scope: scope })
    const first = await one.send([deletion])
    expect(first.accepted).toMatchObject([{ outcome: 'no_change', version: 2 }])
    const [stored] = await database.db.$queryRaw<{ scope: string }[]>`
      SELECT scope FROM op_result WHERE op_id = ${deletion.op_id}::uuid`
    expect(stored).toEqual({ scope })
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

test('where records leave a scope that was revoked, a reply says which conflicts are still open', async () => {
  const { one, other, scope, elsewhere } = await pair()
  const created = [1, 2].map(() => one.change({ scope, table: 'cases' }))
  await one.sync(created)
  const edits = created.map(
    ({ record_id }) => ({ scope, table: 'cases', operation: 'UPDATE', record_id, base_version: 1 }) as const,
  )
  await other.send(edits.map((edit) => other.change({ ...edit, data: { name: 'theirs' } })))
  const { conflicts } = await one.sync(edits.map((edit) => one.change({ ...edit, data: { name: 'mine' } })))
  const [settled, open] = conflicts.map(({ conflict_id }) => conflict_id!)
  await database.db.$executeRaw`
    UPDATE conflict SET state = 'resolved', resolved_at = now() WHERE id = ${settled}::uuid`
  expect((await one.sync()).open_conflicts).toBeUndefined()
  one.scopes = [elsewhere]
  const reply = await one.sync()
  expect(reply.server_changes.map(({ operation }) => operation)).toEqual(['LEAVE', 'LEAVE'])
  expect(reply.open_conflicts).toEqual([open])
  expect((await one.sync()).open_conflicts).toBeUndefined()
})

test('a reply says what the device is granted now', async () => {
  const { one, scope } = await pair()
  expect((await one.sync()).scopes).toEqual(one.scopes)
  one.scopes = [scope]
  expect((await one.sync()).scopes).toEqual([scope])
})

test('a copy of what was refused for its clock that is taken late, and what was stamped anew meanwhile, are one', async () => {
  const { one, scope } = await pair()
  const made = one.change({ scope, table: 'notes', data: { notes: '' } })
  await one.sync([made])
  const at = (millis: number) => formatHlc({ millis, counter: 0, node: hlcNode(one.id) })
  const ahead = at(Date.now() + maxSkewMs + 700)
  const on = (stamp: string) => ({ notes: 'abc', state: setLwwRegister('on', stamp) })
  const first = one.change({
    ...{ scope, table: 'notes', operation: 'UPDATE', record_id: made.record_id, base_version: 1 },
    ...{ data: on(ahead), hlc: ahead, text_ops: { notes: [{ insert: 'abc' }] } },
  })
  expect((await one.send([first])).rejected).toMatchObject([{ code: 'clock_skew', retryable: true }])
  await new Promise((resolve) => setTimeout(resolve, 900))
  const copy = await one.send([first])
  expect(copy.accepted).toMatchObject([{ outcome: 'applied', version: 2 }])

  const now = at(Date.now())
  const renewed = on(now)
  const anew = {
    ...{ ...first, hlc: now, data: renewed, checksum: recordChecksum(renewed, sha256Hex) },
    first_checksum: first.checksum,
  }
  const told = await one.sync([anew])
  expect(told.accepted).toEqual(copy.accepted)
  // The state that was taken comes with it: the page with it may be a later one.
  expect(told.restated).toEqual([{ op_id: first.op_id, data: on(ahead) }])
  expect(told.server_changes).toMatchObject([{ version: 2, data: on(ahead) }])
  expect((await one.send([first])).restated).toBeUndefined()
  const covered = await one.send([anew])
  expect([covered.covered, covered.restated]).toEqual([[first.op_id], undefined])
  const later = { record_id: made.record_id, base_version: 2, data: { ...on(ahead), notes: 'abcd' } }
  const next = one.change({ scope, table: 'notes', operation: 'UPDATE', ...later })
  expect((await one.send([next])).accepted).toMatchObject([{ outcome: 'applied', version: 3 }])
  one.syncToken = null
  expect((await one.send([anew])).restated).toEqual([{ op_id: first.op_id, data: on(ahead) }])
  // Without a name for what it was first, it is another operation.
  await expect(one.send([{ ...anew, first_checksum: null }])).rejects.toMatchObject({ code: 'device_forked' })
})
