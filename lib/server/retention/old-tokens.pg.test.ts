import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ChangeInput, SnapshotReply } from '#lib/protocol/sync.ts'
import { serverEngine } from '../sync/server-engine.ts'
import { snapshotPage } from '../sync/snapshot.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { putPolicy, RawDevice } from '../testing/raw-device.ts'
import { compact } from './compact.ts'
import type { Ask } from './store.ts'
import { age, headOf as headIn, history as historyIn, ownerOf } from './testing/age.ts'

let database: TestDatabase
let owner: { ask: Ask; end: () => Promise<void> }
beforeAll(async () => {
  database = await testDatabase()
  owner = await ownerOf(database.url)
  await putPolicy(database.db, { name: 'things', strategy: 'merge' })
})
afterAll(async () => {
  await owner.end()
  await database.close()
})

const ask: Ask = (sql, values) => owner.ask(sql, values)
const headOf = (scope: string) => headIn(ask, scope)
const history = (scope: string) => historyIn(database.db, scope)
const compactNow = () => compact(ask, { minAgeHours: 0 })

test('a token below the mark is expired, one at the mark goes on, none at all is a first sync', async () => {
  const scope = randomUUID()
  const writer = await RawDevice.enrol(database.db, [scope])
  for (let n = 0; n < 3; n++) await writer.send([writer.change({ scope })])
  await age(ask, scope, 2, 100)
  const [before, at] = [
    await RawDevice.enrol(database.db, [scope]),
    await RawDevice.enrol(database.db, [scope]),
  ]
  await before.sync([], { pull: { limit: 1 } })
  await at.sync([], { pull: { limit: 2 } })
  await compactNow()
  expect((await headOf(scope)).min).toBe(2)

  expect((await before.sync()).resync).toEqual({ reason: 'token_expired' })
  const delta = await at.sync()
  expect(delta.resync).toBeNull()
  expect(delta.server_changes).toHaveLength(1)
  const fresh = await RawDevice.enrol(database.db, [scope])
  expect((await fresh.sync()).resync).toEqual({ reason: 'first_sync' })

  // What the expired one has to say is taken all the same, and the full sync brings everything.
  const pushed = await before.sync([before.change({ scope })])
  expect(pushed).toMatchObject({ resync: { reason: 'token_expired' }, accepted: [{ outcome: 'applied' }] })
  const page = JSON.parse(
    await snapshotPage(before.identity(), {}, serverEngine(database.db)),
  ) as SnapshotReply
  expect(page.items).toHaveLength(4)
  before.syncToken = page.sync_token!
  expect(await before.sync()).toMatchObject({ resync: null, server_changes: [] })
})

test('an answer that is given again with an expired token is news, unless the log still tells that the token covers it', async () => {
  const scope = randomUUID()
  const [writer, other] = await Promise.all([0, 1].map(() => RawDevice.enrol(database.db, [scope])))
  const deed = async (device: RawDevice, change: ChangeInput) => {
    await device.send([change])
    return change
  }
  const on = ({ record_id }: ChangeInput, base_version: number, n: number) => ({
    ...{ scope, record_id, operation: 'UPDATE' as const, base_version, data: { n } },
  })
  const made = await deed(writer!, writer!.change({ scope, data: { n: 1 } }))
  const gone = await deed(writer!, writer!.change({ scope, data: { n: 1 } }))
  await deed(other!, other!.change({ ...on(gone, 1, 1), operation: 'DELETE' }))
  await writer!.sync([], { pull: { limit: 3 } })
  // Answered, and the answer did not arrive; then others wrote on it, and the state itself went from the log.
  const unheard = await deed(writer!, writer!.change(on(made, 1, 2)))
  await deed(other!, other!.change(on(made, 2, 3)))
  await age(ask, scope, 5, 100)
  await compactNow()
  const again = await writer!.send([unheard, gone])
  expect(again.resync).toEqual({ reason: 'token_expired' })
  expect(again.accepted.map(({ op_id, version }) => [op_id, version])).toEqual([
    [unheard.op_id, 2],
    [gone.op_id, 1],
  ])
  // The deletion is left in the log, and of before the token.
  expect(again.covered).toEqual([gone.op_id])
})

test('a token at the mark of another history is not taken', async () => {
  const scope = randomUUID()
  const device = await RawDevice.enrol(database.db, [scope])
  await device.sync([device.change({ scope })])
  // The mark's commit is made anew with another time, and so another chain.
  await age(ask, scope, 1, 100)
  await compactNow()
  expect((await headOf(scope)).min).toBe(1)
  expect((await device.sync()).resync).toEqual({ reason: 'history_diverged' })
})

test('a full sync under way shows its moment while the log is compacted up to it, and is refused past it', async () => {
  const scope = randomUUID()
  const { writer, on, edited, kept } = await history(scope)
  const reader = await RawDevice.enrol(database.db, [scope])
  const page = async (cursor?: string) =>
    JSON.parse(
      await snapshotPage(
        reader.identity(),
        { limit: 1, ...(cursor && { cursor }) },
        serverEngine(database.db),
      ),
    ) as SnapshotReply
  const first = await page()
  for (const id of [edited, kept]) {
    const base_version = id === edited ? 5 : 1
    await writer.send([
      writer.change({ ...on({ record_id: id }, base_version), operation: 'UPDATE', data: { n: 'later' } }),
    ])
  }
  await age(ask, scope, 8, 100)
  await compactNow()
  expect((await headOf(scope)).min).toBe(8)
  const second = await page(first.next_cursor!)
  const seen = [...first.items, ...second.items].map(({ record_id, data }) => [record_id, data['n']])
  expect(new Map(seen as [string, unknown][])).toEqual(
    new Map<string, unknown>([
      [edited, 4],
      [kept, 'kept'],
    ]),
  )

  await age(ask, scope, 10, 100)
  await compactNow()
  expect((await headOf(scope)).min).toBe(10)
  await expect(page(first.next_cursor!)).rejects.toMatchObject({ code: 'cursor_expired' })
})

test('an edit on a state that was compacted away is never merged as if it had been empty', async () => {
  const scope = randomUUID()
  const writer = await RawDevice.enrol(database.db, [scope])
  const made = writer.change({ scope, data: { a: 1, b: 1 } })
  await writer.send([made])
  const edit = (base_version: number, data: { a?: number; b?: number; c?: number }) => ({
    ...{ scope, record_id: made.record_id, operation: 'UPDATE' as const, base_version, data },
  })
  await writer.send([writer.change(edit(1, { b: 1 }))])
  await writer.send([writer.change(edit(2, { b: 2 }))])
  const behind = await RawDevice.enrol(database.db, [scope])
  await age(ask, scope, 3, 100)
  await compactNow()
  // Its base is gone: `a`, which was removed since, is a question and not an addition.
  const reply = await behind.send([behind.change(edit(1, { a: 1, b: 1, c: 1 }))])
  expect(reply.conflicts).toMatchObject([{ code: 'manual', base_data: null }])
  expect(reply.conflicts[0]?.fields.toSorted()).toEqual(['a', 'b', 'c'])
  // The state at the mark is still a base for those who were within the window.
  await writer.send([writer.change(edit(3, { b: 3 }))])
  const within = await RawDevice.enrol(database.db, [scope])
  const merged = await within.send([within.change(edit(3, { b: 2, c: 1 }))])
  expect(merged.accepted).toMatchObject([{ outcome: 'merged', data: { b: 3, c: 1 } }])
})
