import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ServerChange } from '#lib/protocol/sync.ts'
import { systemActor } from '#lib/server/actor.ts'
import { getConflict } from '#lib/server/conflicts/get.ts'
import { resolveConflict } from '#lib/server/conflicts/resolve.ts'
import { undoResolution } from '#lib/server/conflicts/undo.ts'
import { replayDeadLetter } from '#lib/server/dead-letters/replay.ts'
import { setDeviceScopes } from '#lib/server/devices/set-scopes.ts'
import { listHistory } from '#lib/server/records/history.ts'
import { compact } from '#lib/server/retention/compact.ts'
import { age, ownerOf } from '#lib/server/retention/testing/age.ts'
import { testDatabase, type TestDatabase } from '#lib/server/testing/database.ts'
import { putPolicy, RawDevice } from '#lib/server/testing/raw-device.ts'

const admin = systemActor('test')
const traceId = '0'.repeat(32)

let own: TestDatabase
beforeAll(async () => {
  own = await testDatabase()
  process.env['DATABASE_URL'] = own.url
  await putPolicy(own.db, { name: 'things', strategy: 'merge' })
})
afterAll(() => own.close())

async function grant(device: RawDevice, scopes: string[]): Promise<void> {
  await setDeviceScopes(admin, { id: device.id, version: null }, { scopes })
  device.scopes = scopes
}

/** What a device has: it takes in what it is sent, as it comes. */
class Holder {
  readonly has = new Map<string, unknown>()
  readonly device: RawDevice

  constructor(device: RawDevice) {
    this.device = device
  }

  /** @returns whether there is more to come */
  async pull(limit = 500): Promise<boolean> {
    const reply = await this.device.sync([], { pull: { limit } })
    expect(reply.resync).toBeNull()
    for (const change of reply.server_changes) this.take(change)
    return reply.has_more
  }

  take({ scope, record_id, operation, data }: ServerChange): void {
    if (operation === 'UPSERT') this.has.set(`${scope} ${record_id}`, data)
    else this.has.delete(`${scope} ${record_id}`)
  }
}

async function siteWith(count: number) {
  const [site, other] = [randomUUID(), randomUUID()]
  const writer = await RawDevice.enrol(own.db, [site, other])
  const changes = Array.from({ length: count }, (_, n) => writer.change({ scope: site, data: { n } }))
  for (const change of changes) await writer.send([change])
  const holder = new Holder(await RawDevice.enrol(own.db, [site, other]))
  await holder.pull()
  expect(holder.has.size).toBe(count)
  return { site, other, writer, holder, changes }
}

test('a scope that is granted again while it is being left comes back whole', async () => {
  for (const leavesFirst of [0, 1, 2, 3]) {
    const { site, other, writer, holder, changes } = await siteWith(5)
    await grant(holder.device, [other])
    for (let page = 0; page < leavesFirst; page++) await holder.pull(2)
    // Others went on meanwhile; the device must not see that until it is granted again.
    await writer.send([writer.change({ scope: site, data: { n: 'new' } })])
    await writer.send([
      writer.change({ scope: site, record_id: changes[0]!.record_id, operation: 'DELETE', base_version: 1 }),
    ])
    expect([...holder.has.values()]).not.toContainEqual({ n: 'new' })
    await grant(holder.device, [site, other])
    while (await holder.pull(2));
    expect([...holder.has.values()]).toEqual(
      expect.arrayContaining([{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }, { n: 'new' }]),
    )
    expect(holder.has.size).toBe(5)
  }
})

test('granted again after its log was compacted, it is a full sync', async () => {
  const { site, other, holder } = await siteWith(3)
  await grant(holder.device, [other])
  while (await holder.pull());
  expect(holder.has.size).toBe(0)
  const owner = await ownerOf(own.url)
  await age(owner.ask, site, 3, 100)
  await compact(owner.ask)
  await owner.end()
  await grant(holder.device, [site, other])
  expect((await holder.device.sync()).resync).toEqual({ reason: 'scope_changed' })
})

test('edits of a lost scope wait for review, and replay once it is granted again', async () => {
  const { site, other, holder, changes } = await siteWith(1)
  const { device } = holder
  await grant(device, [other])
  const edit = device.change({
    ...{ scope: site, record_id: changes[0]!.record_id, operation: 'UPDATE' as const, base_version: 1 },
    data: { n: 0, done: true },
  })
  const { rejected } = await device.sync([edit])
  expect(rejected).toMatchObject([{ op_id: edit.op_id, code: 'scope_forbidden', retryable: false }])
  const id = rejected[0]!.dead_letter_id!
  const replay = () =>
    replayDeadLetter(admin, { id, dryRun: false, change: undefined, version: null, reason: '', traceId })
  const stateNow = async () =>
    (await own.db.record.findFirst({ where: { id: edit.record_id, scope: site } }))?.data
  expect(await replay()).toMatchObject({ kind: 'rejected', code: 'scope_forbidden' })
  expect(await stateNow()).toEqual({ n: 0 })
  await grant(device, [site, other])
  expect(await replay()).toMatchObject({ kind: 'accepted' })
  expect(await stateNow()).toEqual({ n: 0, done: true })
})

/** A record in one scope, moved to another by somebody who has both. */
async function moved(more: { conflict?: boolean } = {}) {
  const [from, to] = [randomUUID(), randomUUID()]
  const [mover, away] = [await RawDevice.enrol(own.db, [from, to]), await RawDevice.enrol(own.db, [from, to])]
  const made = mover.change({ scope: from, data: { a: 1, b: 1 } })
  await mover.send([made])
  const edit = (of: RawDevice, over: object, data: object) =>
    of.change({
      ...{ scope: from, record_id: made.record_id, operation: 'UPDATE' as const, base_version: 1, ...over },
      data: { ...data },
    })
  let version = 1
  let conflict: string | null = null
  if (more.conflict) {
    await mover.send([edit(mover, {}, { a: 2, b: 1 })])
    version = 2
    const reply = await away.send([edit(away, {}, { a: 3, b: 1 })])
    conflict = reply.conflicts[0]!.conflict_id
  }
  const move = edit(mover, { scope: to, from_scope: from, base_version: version }, { a: version, b: 1 })
  expect((await mover.send([move])).accepted).toMatchObject([{ outcome: 'applied', version: version + 1 }])
  const rows = () =>
    own.db.record.findMany({
      where: { id: made.record_id },
      select: { scope: true, data: true, version: true },
    })
  return { from, to, mover, away, edit, rows, conflict, id: made.record_id }
}

test('an edit made before the record moved finds it where it is now, merged with what it was made on', async () => {
  const { from, to, mover, away, edit, rows } = await moved()
  await mover.send([edit(mover, { scope: to, base_version: 2 }, { a: 1, b: 2 })])
  const { accepted } = await away.send([edit(away, {}, { a: 9, b: 1 })])
  expect(accepted).toMatchObject([{ outcome: 'merged', data: { a: 9, b: 2 } }])
  expect(await rows()).toEqual(
    expect.arrayContaining([
      { scope: from, data: null, version: 2 },
      { scope: to, data: { a: 9, b: 2 }, version: 4 },
    ]),
  )
})

test('and follows it over several moves; a CREATE or a delete from before makes no second one', async () => {
  const { from, to, mover, away, edit, rows } = await moved()
  const last = randomUUID()
  await grant(mover, [from, to, last])
  await grant(away, [from, to, last])
  await mover.send([edit(mover, { scope: last, from_scope: to, base_version: 2 }, { a: 1, b: 1 })])
  expect((await away.send([edit(away, {}, { a: 9, b: 1 })])).accepted).toMatchObject([{ version: 4 }])
  expect((await rows()).find(({ scope }) => scope === last)).toMatchObject({
    data: { a: 9, b: 1 },
    version: 4,
  })
  const again = await away.send([edit(away, { operation: 'CREATE', base_version: 0 }, { a: 9, b: 1 })])
  expect(again.accepted).toMatchObject([{ outcome: 'no_change' }])
  const { data: _none, ...gone } = edit(away, { operation: 'DELETE', base_version: 1 }, {})
  const removed = await away.send([
    { ...gone, checksum: away.change({ operation: 'DELETE', seq: 0 }).checksum },
  ])
  expect(removed.rejected).toEqual([])
  expect((await rows()).filter(({ data }) => data !== null).length).toBeLessThanOrEqual(1)
})

test('without the grant for where it went, the edit waits for review', async () => {
  const { from, to, away, edit, rows } = await moved()
  await grant(away, [from])
  const { rejected } = await away.send([edit(away, {}, { a: 9, b: 1 })])
  expect(rejected).toMatchObject([{ code: 'scope_forbidden', retryable: false }])
  expect(rejected[0]?.detail).not.toContain(to)
  // Its own scope is granted: the device waits for the record, and not for a sight of the scope.
  expect(rejected[0]?.errors).toMatchObject([{ pointer: '/record_id' }])
  await grant(away, [from, to])
  const id = rejected[0]!.dead_letter_id!
  await replayDeadLetter(admin, { id, dryRun: false, change: undefined, version: null, reason: '', traceId })
  expect((await rows()).find(({ scope }) => scope === to)?.data).toEqual({ a: 9, b: 1 })
})

test('an open conflict goes with its record, and is settled where that is now', async () => {
  const { to, id, rows, conflict } = await moved({ conflict: true })
  const open = await getConflict(admin, conflict!)
  expect(open).toMatchObject({ state: 'open', scope: to, record_id: id })
  await resolveConflict(admin, {
    ...{ id: conflict!, choice: 'client', data: undefined, reason: 'ours', traceId },
    seen: { conflict: open.version, record: open.current.version },
  })
  expect((await rows()).filter(({ data }) => data !== null)).toMatchObject([
    { scope: to, data: { a: 3, b: 1 } },
  ])
})

test('its history is one, over all scopes', async () => {
  const { from, to, id } = await moved()
  const { items, total } = await listHistory(admin, { table: 'things', id }, { scope: to })
  expect(items.map(({ scope, effect, version }) => [scope, effect, version])).toEqual([
    [to, 'UPSERT', 2],
    [from, 'LEAVE', 2],
    [from, 'UPSERT', 1],
  ])
  expect(total).toBe(3)
  expect(items[0]?.changes).toEqual([])
})

/** Somebody moves a record to another scope while somebody else edits the same place of it: a conflict over the move. */
async function moveInConflict() {
  const [from, to] = [randomUUID(), randomUUID()]
  const [mover, editor] = [await RawDevice.enrol(own.db, [from, to]), await RawDevice.enrol(own.db, [from])]
  const [inFrom, inTo] = [await RawDevice.enrol(own.db, [from]), await RawDevice.enrol(own.db, [to])]
  const made = editor.change({ scope: from, data: { a: 1 } })
  const edit = { record_id: made.record_id, operation: 'UPDATE' as const, base_version: 1 }
  await editor.send([made])
  await editor.send([editor.change({ ...edit, scope: from, data: { a: 2 } })])
  for (const device of [inFrom, inTo]) await device.sync()
  const move = mover.change({ ...edit, scope: to, from_scope: from, data: { a: 3 } })
  const { conflicts } = await mover.send([move])
  const id = conflicts[0]!.conflict_id!
  const settle = async (choice: 'client' | 'server' | 'merged', more: object = {}) => {
    const { version, current } = await getConflict(admin, id)
    const seen = { conflict: version, record: current.version }
    return resolveConflict(admin, { ...{ id, seen, choice, data: undefined, reason: '', traceId }, ...more })
  }
  const takeBack = async () => {
    const { version, current } = await getConflict(admin, id)
    const seen = { conflict: version, record: current.version }
    return undoResolution(admin, { id, seen, reason: 'a slip', traceId })
  }
  const alive = () =>
    own.db.record.findMany({
      where: { id: made.record_id, deleted: false },
      select: { scope: true, data: true, version: true },
    })
  return {
    from,
    to,
    id,
    move,
    mover,
    editor,
    inFrom,
    inTo,
    settle,
    takeBack,
    alive,
    record_id: made.record_id,
  }
}

test('a move that ends in conflict keeps where it goes, and the device’s side moves the record there', async () => {
  const { from, to, id, inFrom, inTo, settle, takeBack, alive, record_id } = await moveInConflict()
  expect(await getConflict(admin, id)).toMatchObject({ state: 'open', scope: from, to_scope: to })
  const { items } = await listHistory(admin, { table: 'things', id: record_id }, { scope: from })
  expect(items[0]).toMatchObject({ effect: 'NONE', rule: { to_scope: to } })

  const settled = await settle('client')
  expect(settled).toMatchObject({ scope: to, resolution: { moved_from: from, can_undo: true } })
  expect(await alive()).toEqual([{ scope: to, data: { a: 3 }, version: 3 }])
  const last = async (device: RawDevice) =>
    (await device.sync()).server_changes.findLast((change) => change.record_id === record_id)
  expect(await last(inFrom)).toMatchObject({ operation: 'LEAVE', version: 3, conflict_id: id })
  expect(await last(inTo)).toMatchObject({ operation: 'UPSERT', data: { a: 3 }, conflict_id: id })

  // Taken back, it is where it was, as it was, and waits for the same decision.
  expect(await takeBack()).toMatchObject({ state: 'open', scope: from, to_scope: to, resolution: null })
  expect(await alive()).toEqual([{ scope: from, data: { a: 2 }, version: 4 }])
  expect(await last(inFrom)).toMatchObject({ operation: 'UPSERT', data: { a: 2 } })
  expect(await last(inTo)).toMatchObject({ operation: 'LEAVE' })
  expect(await settle('client')).toMatchObject({ scope: to })
  expect(await alive()).toEqual([{ scope: to, data: { a: 3 }, version: 5 }])
})

test('other choices leave the record where it is, unless a person says otherwise', async () => {
  const stayed = await moveInConflict()
  expect(await stayed.settle('server')).toMatchObject({
    to_scope: stayed.to,
    resolution: { moved_from: null },
  })
  expect(await stayed.alive()).toEqual([{ scope: stayed.from, data: { a: 2 }, version: 3 }])
  const refused = await moveInConflict()
  await refused.settle('client', { moves: false })
  expect(await refused.alive()).toEqual([{ scope: refused.from, data: { a: 3 }, version: 3 }])
  const both = await moveInConflict()
  await both.settle('merged', { data: { a: 4 }, moves: true })
  expect(await both.alive()).toEqual([{ scope: both.to, data: { a: 4 }, version: 3 }])
  const plain = await moved({ conflict: true })
  const { version, current } = await getConflict(admin, plain.conflict!)
  const seen = { conflict: version, record: current.version }
  await expect(
    resolveConflict(admin, {
      ...{ id: plain.conflict!, seen, choice: 'client', data: undefined, reason: '', traceId },
      moves: true,
    }),
  ).rejects.toMatchObject({ code: 'invalid_request', extras: { errors: [{ pointer: '/moves' }] } })
})

test('where another record has the id in the other scope, the conflict stays open; where the record went elsewhere, it moves from there', async () => {
  const { from, to, id, mover, settle, alive, record_id } = await moveInConflict()
  await mover.send([mover.change({ scope: to, record_id, data: { other: true } })])
  await expect(settle('client')).rejects.toMatchObject({ code: 'invalid_request' })
  expect(await getConflict(admin, id)).toMatchObject({ state: 'open', scope: from, to_scope: to, version: 1 })
  await mover.send([mover.change({ scope: to, record_id, operation: 'DELETE', base_version: 1 })])
  const third = randomUUID()
  await grant(mover, [from, to, third])
  await mover.send([
    mover.change({
      ...{ record_id, operation: 'UPDATE', base_version: 2, scope: third, from_scope: from, data: { a: 2 } },
    }),
  ])
  expect(await getConflict(admin, id)).toMatchObject({ state: 'open', scope: third, to_scope: to })
  await settle('client')
  expect(await alive()).toMatchObject([{ scope: to, data: { a: 3 } }])
})

test('a resolution is not undone once somebody moved the record on, and says where it is', async () => {
  const { from, to, mover, id, settle, takeBack, alive, record_id } = await moveInConflict()
  await settle('client')
  await mover.send([
    mover.change({
      ...{ record_id, operation: 'UPDATE', base_version: 3, scope: from, from_scope: to, data: { a: 3 } },
    }),
  ])
  const why = `moved to scope ${from} since`
  expect((await getConflict(admin, id)).resolution).toMatchObject({
    can_undo: false,
    undo_refusal: expect.stringContaining(why),
  })
  await expect(takeBack()).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining(why) })
  expect(await alive()).toMatchObject([{ scope: from, data: { a: 3 } }])
})
