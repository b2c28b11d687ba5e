import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { JsonObject } from '#lib/core/json.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import type { ChangeInput } from '#lib/protocol/sync.ts'
import { answerDigest, answerFacts, contentHash } from '#lib/protocol/confirm.ts'
import { copyDatabase, testDatabase, type TestDatabase } from '../testing/database.ts'
import { putPolicy, RawDevice } from '../testing/raw-device.ts'
import type { Ask } from '../verification/store.ts'
import { verifyData } from '../verification/verify.ts'
import { sha256Hex } from './read-changes.ts'
import { serverSecret } from './secret.ts'
import { serverEngine } from './server-engine.ts'
import { writeRecord } from './write.ts'

// A server that was restored from a backup: copies of the whole database, taken midway and put in its place.

const databases: TestDatabase[] = []
let server: TestDatabase
beforeAll(async () => {
  server = await testDatabase()
  databases.push(server)
  await putPolicy(server.db, { name: 'things', strategy: 'merge' })
})
afterAll(() => Promise.all(databases.map((database) => database.close())))

async function backUp(): Promise<TestDatabase> {
  const backup = await copyDatabase(server)
  databases.push(backup)
  return backup
}

function restore(backup: TestDatabase, devices: RawDevice[]): void {
  server = backup
  for (const device of devices) device.moveTo(backup.db)
}

const checksum = (data: JsonObject | null) => recordChecksum(data, sha256Hex)
const stateOf = (id: string) => server.db.record.findFirst({ where: { id } })
const findings = async () => {
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  const ask: Ask = async (sql, values) => (await client.query(sql, values)).rows
  try {
    return await Array.fromAsync(verifyData(ask, { secret: serverSecret() }))
  } finally {
    await client.end()
  }
}
const restores = async () =>
  Number(
    (
      await server.db.$queryRaw<
        { n: bigint }[]
      >`SELECT count(*) AS n FROM audit WHERE action = 'server.restored'`
    )[0]?.n,
  )

type Journal = ChangeInput[]

/** A scope with a record that two devices know, a backup of then, and two more edits that only the devices remember. */
async function scene() {
  const scope = randomUUID()
  const [a, b] = [await RawDevice.enrol(server.db, [scope]), await RawDevice.enrol(server.db, [scope])]
  const journal = new Map<RawDevice, Journal>([
    [a, []],
    [b, []],
  ])
  const push = async (device: RawDevice, over: Parameters<RawDevice['change']>[0]) => {
    const change = device.change({ scope, ...over })
    journal.get(device)!.push(change)
    const reply = await device.sync([change])
    expect(reply.accepted).toMatchObject([{ outcome: 'applied' }])
    return { change, reply }
  }
  const { change } = await push(a, { data: { a: 0, b: 0 } })
  const id = change.record_id
  await b.sync()
  const backup = await backUp()
  const on = (version: number, data: JsonObject) => ({
    ...{ record_id: id, operation: 'UPDATE' as const, base_version: version, base_checksum: checksum(data) },
  })
  await push(a, { ...on(1, { a: 0, b: 0 }), data: { a: 1, b: 0 } })
  await b.sync()
  await push(b, { ...on(2, { a: 1, b: 0 }), data: { a: 1, b: 2 } })
  await a.sync()
  restore(backup, [a, b])
  return { scope, a, b, id, journal, on, backup }
}

describe('devices come back', () => {
  test('each sends again what is missing, and everything acknowledged is there again', async () => {
    const { a, b, id, journal } = await scene()
    for (const device of [a, b]) {
      const all = journal.get(device)!
      // It goes on where it was, and is told from where to send again.
      const next = device.change({ scope: device.scopes[0]!, data: { new: device.id } })
      await expect(device.send([next])).rejects.toMatchObject({ code: 'seq_gap' })
      const known = device === a ? 1 : 0
      const again = await device.send([...all.slice(known), next])
      expect(again.rejected).toEqual([])
      expect(again.conflicts).toEqual([])
      expect(again.resync?.reason).toMatch(/token_ahead|history_diverged/)
      // What the server still knows it answers as it did.
      expect((await device.send(all.slice(0, known))).accepted).toHaveLength(known)
    }
    expect(await stateOf(id)).toMatchObject({ data: { a: 1, b: 2 }, version: 3 })
  })

  test('in the other order: nothing is taken for what it is not, and neither edit is lost', async () => {
    const { a, b, id, journal } = await scene()
    const late = await b.send(journal.get(b)!)
    // Made on a version that this server does not have: both sides of the one field that differs may be meant.
    expect(late.conflicts).toMatchObject([{ code: 'manual', server_data: { a: 0, b: 0 } }])
    expect((await a.send(journal.get(a)!)).accepted).toMatchObject([
      { outcome: 'applied' },
      { outcome: 'applied' },
    ])
    expect(await stateOf(id)).toMatchObject({ data: { a: 1, b: 0 } })
    expect(await server.db.conflict.findFirst({ where: { recordId: id } })).toMatchObject({
      ...{ state: 'open', clientData: { a: 1, b: 2 } },
    })
  })

  test('is no fork, twice on top of each other', async () => {
    const { a, scope, journal, backup } = await scene()
    const second = await copyDatabase(backup)
    databases.push(second)
    const all = journal.get(a)!
    await a.send(all)
    all.push(a.change({ scope, data: { between: true } }))
    await a.send(all.slice(-1))
    restore(second, [a])
    const next = a.change({ scope })
    await expect(a.send([next])).rejects.toMatchObject({ code: 'seq_gap', extras: { expected_seq: 2 } })
    expect((await a.send([...all, next])).accepted).toHaveLength(all.length + 1)
  })
})

test('a step that moves a record which was lost goes on from what stands where it goes, and the log says from where', async () => {
  const [from, to] = [randomUUID(), randomUUID()]
  const [a, b] = [await RawDevice.enrol(server.db, [from, to]), await RawDevice.enrol(server.db, [from])]
  const made = a.change({ scope: to })
  const of = { record_id: made.record_id, base_version: 1 }
  await a.sync([made, a.change({ ...of, scope: to, operation: 'DELETE' })])
  const backup = await backUp()
  await b.sync([b.change({ scope: from, record_id: made.record_id })])
  await a.sync()
  const saga = { id: randomUUID(), step: 1, steps: 1 }
  const move = a.change({
    ...of,
    operation: 'UPDATE',
    scope: to,
    from_scope: from,
    data: { name: 'moved' },
    saga,
  })
  await a.sync([move])
  restore(backup, [a, b])

  expect((await a.send([move])).accepted).toMatchObject([{ outcome: 'applied', version: 3 }])
  const { rule, beforeVersion } = await server.db.feedChange.findFirstOrThrow({ where: { opId: move.op_id } })
  expect({ beforeVersion, rule }).toMatchObject({ beforeVersion: 2, rule: { from_scope: from } })
  expect(await findings()).toEqual([])
})

test('what was decided on a history that is lost meanwhile is decided again, though its version numbers are the same', async () => {
  const scope = randomUUID()
  const [a, b, late] = await Promise.all([1, 2, 3].map(() => RawDevice.enrol(server.db, [scope])))
  const made = a!.change({ scope, data: { n: 0 } })
  await a!.send([made])
  const backup = await backUp()
  const on = { scope, record_id: made.record_id, operation: 'UPDATE' as const }
  await a!.send([a!.change({ ...on, base_version: 1, data: { n: 1 } })])
  b!.moveTo(backup.db)
  await b!.send([b!.change({ ...on, base_version: 1, data: { n: 2 } })])

  const [lost, restored] = [serverEngine(server.db), serverEngine(backup.db)]
  const stores = [lost.store, restored.store]
  const load: typeof lost.store.load = (request) => (stores.shift() ?? restored.store).load(request)
  const engine = { ...restored, store: { ...restored.store, load } }
  const write = {
    ...{
      by: { kind: 'device' as const, id: late!.id },
      deviceId: late!.id,
      audit: [],
      traceId: '0'.repeat(32),
    },
    change: { ...on, op_id: randomUUID(), table: 'things', base_version: 2, data: { n: 3 } },
  }
  expect(stores).toHaveLength(2)
  await writeRecord(write, engine)
  expect(stores).toHaveLength(0)
})

describe('a version number of another history', () => {
  test('does not let an edit pass over what it never saw', async () => {
    const { scope, a, b, id, on } = await scene()
    // Somebody else's version 2, made after the restore.
    const c = await RawDevice.enrol(server.db, [scope])
    await c.sync([c.change({ scope, ...on(1, { a: 0, b: 0 }), data: { a: 0, b: 9 } })])
    // b's own edit was made on the lost version 2 = {a: 1, b: 0}.
    b.lastSeq = 0
    const edit = b.change({ scope, ...on(2, { a: 1, b: 0 }), data: { a: 1, b: 0, c: 1 } })
    const { conflicts } = await b.send([edit])
    expect(conflicts).toMatchObject([{ server_data: { a: 0, b: 9 }, base_data: null }])
    // Without a checksum the token tells.
    a.lastSeq = 1
    const { base_checksum: _, ...bare } = on(2, {})
    const blind = a.change({ scope, ...bare, data: { a: 1, b: 0, d: 1 } })
    expect((await a.send([blind])).conflicts).toMatchObject([{ base_data: null }])
    expect(await stateOf(id)).toMatchObject({ data: { a: 0, b: 9 }, version: 2 })
  })

  test('nor on a token of this history, where the checksum says otherwise', async () => {
    const { scope, id, on } = await scene()
    const c = await RawDevice.enrol(server.db, [scope])
    await c.sync()
    const wrong = c.change({ scope, ...on(1, { a: 7, b: 7 }), data: { a: 7, b: 8 } })
    expect((await c.send([wrong])).conflicts).toMatchObject([{ base_data: null }])
    const right = c.change({ scope, ...on(1, { a: 0, b: 0 }), data: { a: 0, b: 8 } })
    expect((await c.send([right])).accepted).toMatchObject([{ outcome: 'applied' }])
    expect(await stateOf(id)).toMatchObject({ data: { a: 0, b: 8 } })
  })
})

test('a record that the server lost is there again with the first edit of it, and its CREATE finds it', async () => {
  const scope = randomUUID()
  const [a, b] = [await RawDevice.enrol(server.db, [scope]), await RawDevice.enrol(server.db, [scope])]
  const first = a.change({ scope })
  await a.sync([first])
  await b.sync()
  const backup = await backUp()
  const made = a.change({ scope, data: { a: 1 } })
  const id = made.record_id
  await a.sync([made])
  await b.sync()
  restore(backup, [a, b])
  const edit = b.change({
    ...{ scope, record_id: id, operation: 'UPDATE', base_version: 1, data: { a: 1, b: 1 } },
    base_checksum: checksum({ a: 1 }),
  })
  expect((await b.send([edit])).accepted).toMatchObject([{ outcome: 'applied' }])
  expect((await a.send([made])).accepted).toMatchObject([{ outcome: 'no_change', data: { a: 1, b: 1 } }])
  expect(await stateOf(id)).toMatchObject({ data: { a: 1, b: 1 } })
})

test('people are told once per restore, whoever comes back', async () => {
  const { a, b, scope } = await scene()
  const before = await restores()
  await a.send([])
  await Promise.all([a.send([]), b.send([]), b.send([])])
  expect(await restores()).toBe(before + 1)
  const known = await server.db.lostHistoryDevice.findMany({ where: { scope } })
  expect(new Set(known.map(({ deviceId }) => deviceId))).toEqual(new Set([a.id, b.id]))

  // Restored again: to a state in which the first restore is known already.
  const c = await RawDevice.enrol(server.db, [scope])
  const backup = await backUp()
  await c.sync([c.change({ scope })])
  await c.sync()
  restore(backup, [a, c])
  await a.send([])
  expect(await restores()).toBe(before + 1)
  await c.send([])
  expect(await restores()).toBe(before + 2)
})

test('an edit waits for what it was made on, where its device has yet to bring that: no letter is there twice', async () => {
  const scope = randomUUID()
  const device = await RawDevice.enrol(server.db, [scope])
  const key = { scope, table: 'texts', record_id: randomUUID() }
  await putPolicy(server.db, {
    name: 'texts',
    strategy: 'lww',
    fields: { note: { strategy: 'ot', tiebreak: 'client' } },
  })
  await device.sync([device.change({ ...key, data: { note: 'a' } })])
  const backup = await backUp()
  const on = (base_version: number, note: string) => ({
    ...{ ...key, operation: 'UPDATE' as const, base_version, base_checksum: checksum({ note }) },
  })
  const lost = device.change({ ...on(1, 'a'), data: { note: 'ab' } })
  const [entry] = (await device.sync([lost])).accepted
  restore(backup, [device])
  const asked = {
    ...{ op_id: lost.op_id, incarnation: device.incarnation, seq: lost.seq },
    digest: answerDigest(
      contentHash(lost, sha256Hex),
      answerFacts({ kind: 'accepted', ...entry! }),
      sha256Hex,
    ),
  }
  // A copy of it had filled the place of what was lost, so it goes on in a life of its own, and asks along the way.
  const inNewLife = () => Object.assign(device, { incarnation: randomUUID(), lastSeq: 0 })
  inNewLife()
  const edit = device.change({ ...on(2, 'ab'), data: { note: 'abc' } })
  const early = await device.send([edit], { confirm: [asked] })
  expect(early).toMatchObject({ unconfirmed: [lost.op_id], accepted: [] })
  expect(early.rejected).toMatchObject([{ code: 'dependency_pending', retryable: true }])
  inNewLife()
  const again = await device.send([
    { ...lost, seq: ++device.lastSeq },
    { ...edit, seq: ++device.lastSeq },
  ])
  expect(again.accepted).toMatchObject([{ outcome: 'applied' }, { outcome: 'applied' }])
  expect(await stateOf(key.record_id)).toMatchObject({ data: { note: 'abc' } })
})
