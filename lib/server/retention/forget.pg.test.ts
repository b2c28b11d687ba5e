import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { formatHlc, hlcNode } from '#lib/core/hlc.ts'
import type { ChangeInput } from '#lib/protocol/sync.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { putPolicy, RawDevice } from '../testing/raw-device.ts'
import { verifyPayloads } from '../verification/payloads.ts'
import { forgetAnswers } from './forget.ts'
import { pruneAnswers, type Ask } from './store.ts'
import { ownerOf } from './testing/age.ts'

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
const day = 86_400_000

/** A stamp of so many days ago. */
const stampOf = (device: RawDevice, daysAgo: number) =>
  formatHlc({ millis: Date.now() - daysAgo * day, counter: 0, node: hlcNode(device.id) })

/** The answers of a device up to a seq, as if they had been given so many days ago. */
const ageAnswers = (device: RawDevice, seq: number, days: number) =>
  ask(
    `UPDATE op_result SET created_at = created_at - make_interval(days => $3) WHERE device_id = $1 AND seq <= $2`,
    [device.id, seq, days],
  )
const answersOf = (device: RawDevice) => database.db.opResult.count({ where: { deviceId: device.id } })
const versionOf = async ({ record_id }: ChangeInput) =>
  (await database.db.record.findFirst({ where: { id: record_id } }))?.version

async function pushed(count: number, daysAgo: number) {
  const device = await RawDevice.enrol(database.db)
  const changes = Array.from({ length: count }, () => device.change({ hlc: stampOf(device, daysAgo) }))
  const first = await device.send(changes)
  return { device, changes, first }
}

test('answers go when they are older than any device may be away, and the audit says how many', async () => {
  const { device } = await pushed(3, 100)
  await ageAnswers(device, 2, 91)
  expect(await forgetAnswers(ask, database.db)).toBe(2)
  expect(await answersOf(device)).toBe(1)
  expect(await forgetAnswers(ask, database.db)).toBe(0)
  const told = await database.db.$queryRaw`SELECT after FROM audit WHERE action = 'answers.forget'`
  expect(told).toEqual([{ after: { answers: 2 } }])
})

test('a table that keeps its data for longer keeps the answers of all', async () => {
  await putPolicy(database.db, { name: 'deeds', retention_days: 400 })
  const { device } = await pushed(1, 100)
  await ageAnswers(device, 1, 399)
  expect(await forgetAnswers(ask, database.db)).toBe(0)
  await ageAnswers(device, 1, 2)
  expect(await forgetAnswers(ask, database.db)).toBe(1)
  await putPolicy(database.db, { name: 'deeds' })
})

/** The device goes on in a new life, and sends what it was refused. */
function newLife(device: RawDevice, changes: readonly ChangeInput[]): ChangeInput[] {
  device.incarnation = randomUUID()
  device.lastSeq = changes.length
  return changes.map((change, index) => ({ ...change, seq: index + 1 }))
}

test('an operation whose answer is forgotten is never applied twice: in a new life it waits for a person, always as the same dead letter', async () => {
  const { device, changes, first } = await pushed(2, 100)
  // Somebody deleted one since: taken for new, it would come back to life.
  const other = await RawDevice.enrol(database.db)
  const { record_id } = changes[0]!
  await other.send([other.change({ record_id, operation: 'DELETE', base_version: 1 })])
  await ageAnswers(device, 2, 91)
  await forgetAnswers(ask, database.db)

  const unsent = device.change()
  await expect(device.send([...changes, unsent])).rejects.toMatchObject({ code: 'device_forked' })
  await expect(device.send(changes.slice(1))).rejects.toMatchObject({ code: 'device_forked' })
  const sent = newLife(device, [...changes, unsent])
  const again = await device.send(sent)
  expect(again.rejected).toMatchObject([
    { op_id: changes[0]!.op_id, code: 'answer_expired', retryable: false },
    { op_id: changes[1]!.op_id, code: 'answer_expired', retryable: false },
  ])
  expect(again.accepted).toMatchObject([{ op_id: unsent.op_id, outcome: 'applied' }])
  const onceMore = await device.send(sent)
  expect(onceMore.rejected).toEqual(again.rejected)
  expect(onceMore.accepted).toEqual(again.accepted)
  expect(await versionOf(changes[0]!)).toBe(2)
  expect(await versionOf(changes[1]!)).toBe(1)
  const letters = await database.db.deadLetter.findMany({ where: { deviceId: device.id } })
  expect(letters.map(({ change }) => JSON.parse(change) as unknown)).toEqual(
    expect.arrayContaining(sent.slice(0, 2)),
  )
  expect(letters).toHaveLength(2)
  expect(first.accepted).toHaveLength(2)
})

test('an edit that holds what was taken, and refused since its answer is forgotten, counts for what it has beside', async () => {
  await putPolicy(database.db, { name: 'texts', strategy: 'merge', fields: { note: { strategy: 'ot' } } })
  const device = await RawDevice.enrol(database.db)
  const made = device.change({ table: 'texts', data: { n: 1, note: 'a' }, hlc: stampOf(device, 101) })
  const key = { table: 'texts', record_id: made.record_id, operation: 'UPDATE', base_version: 1 } as const
  const edit = device.change({ ...key, data: { n: 1, note: 'ab' }, hlc: stampOf(device, 100) })
  await device.send([made, edit])
  const other = await RawDevice.enrol(database.db)
  await other.send([other.change({ ...key, base_version: 2, data: { n: 1, note: 'xab' } })])
  await ageAnswers(device, 2, 91)
  await forgetAnswers(ask, database.db)

  const [again] = newLife(device, [edit])
  expect((await device.send([again!])).rejected).toMatchObject([{ code: 'answer_expired' }])
  // Moved off what was refused, it has that in it, and is made on what that was made on.
  const next = device.change({ ...key, data: { n: 1, note: 'abc' }, contains: [edit.op_id] })
  expect((await device.send([next])).accepted).toMatchObject([{ outcome: 'merged' }])
  expect(await database.db.record.findFirst({ where: { id: made.record_id } })).toMatchObject({
    data: { n: 1, note: 'xabc' },
  })
  expect(await database.db.deadLetter.findMany({ where: { deviceId: device.id } })).toMatchObject([
    { opId: edit.op_id, state: 'replayed', replayOpId: next.op_id },
  ])
})

test('a copy of the device, away until the answers were forgotten, sends the same operation behind one of its own', async () => {
  const { device, changes } = await pushed(1, 100)
  await ageAnswers(device, 1, 91)
  await forgetAnswers(ask, database.db)
  const own = device.change({ seq: 1, hlc: stampOf(device, 101) })
  const copied = { ...changes[0]!, seq: 2 }
  await expect(device.send([own, copied])).rejects.toMatchObject({ code: 'device_forked' })
  await expect(device.send([own])).rejects.toMatchObject({ code: 'device_forked' })
  const reply = await device.send(newLife(device, [own, copied]))
  expect(reply.rejected.map(({ op_id, code }) => [op_id, code])).toEqual([
    [own.op_id, 'answer_expired'],
    [copied.op_id, 'answer_expired'],
  ])
  expect(await versionOf(copied)).toBe(1)
})

test('what a clock that was ahead made is as old as its id, also in a copy that has it as it was first stamped', async () => {
  const device = await RawDevice.enrol(database.db)
  const idMade = (daysAgo: number) => {
    const millis = (Date.now() - daysAgo * day).toString(16).padStart(12, '0')
    return `${millis.slice(0, 8)}-${millis.slice(8)}-7${randomUUID().slice(15)}`
  }
  // Refused for its clock, stamped anew, and answered 100 days ago.
  const [ahead, furtherAhead] = [92, 50].map((daysAgo) =>
    device.change({ op_id: idMade(daysAgo), hlc: stampOf(device, 100) }),
  )
  const first = await device.send([ahead, furtherAhead])
  await ageAnswers(device, 2, 100)
  expect(await forgetAnswers(ask, database.db)).toBe(1)
  const reply = await device.send(newLife(device, [{ ...ahead!, hlc: stampOf(device, 92) }, furtherAhead!]))
  expect(reply.rejected).toMatchObject([{ op_id: ahead!.op_id, code: 'answer_expired' }])
  expect(reply.accepted).toEqual(first.accepted.slice(1))
})

test('what was refused, and is sent again when that is forgotten, is the dead letter it was: a person replays it once', async () => {
  const device = await RawDevice.enrol(database.db)
  const broken = device.change({ table: 'nowhere', hlc: stampOf(device, 100) })
  const [refusal] = (await device.send([broken])).rejected
  expect(refusal).toMatchObject({ code: 'unknown_table', dead_letter_id: expect.any(String) })
  await ageAnswers(device, 1, 91)
  await forgetAnswers(ask, database.db)
  // In a new life, at another place, under another stamp.
  const again = { ...broken, hlc: stampOf(device, 101) }
  const { rejected } = await device.send(newLife(device, [device.change(), again]))
  expect(rejected).toMatchObject([{ code: 'answer_expired', dead_letter_id: refusal?.dead_letter_id }])
  expect(await database.db.deadLetter.findMany({ where: { deviceId: device.id } })).toMatchObject([
    { id: refusal?.dead_letter_id, code: 'unknown_table', attempts: 2 },
  ])
  const found = await Array.fromAsync(verifyPayloads(ask))
  expect(found.filter(({ id }) => id === broken.op_id)).toEqual([])
})

test('a clone that makes new operations at forgotten seqs is caught, and they are taken in its new life', async () => {
  const { device } = await pushed(2, 100)
  await ageAnswers(device, 2, 91)
  await forgetAnswers(ask, database.db)
  const own = device.change({ seq: 2 })
  await expect(device.send([own])).rejects.toMatchObject({ code: 'device_forked' })
  expect((await device.send(newLife(device, [own]))).accepted).toMatchObject([{ outcome: 'applied' }])
})

test('an edit on an operation that is forgotten has no known base: a person is asked, nothing is merged', async () => {
  const { device, changes } = await pushed(1, 100)
  const [made] = changes
  const other = await RawDevice.enrol(database.db)
  const { record_id } = made!
  await other.send([other.change({ record_id, operation: 'UPDATE', base_version: 1, data: { b: 1 } })])
  await ageAnswers(device, 1, 91)
  await forgetAnswers(ask, database.db)
  const on = { record_id, operation: 'UPDATE' as const, base_version: 0, base_op_id: made!.op_id }
  const reply = await device.send([device.change({ ...on, data: { name: 'x', c: 1 } })])
  expect(reply.conflicts).toMatchObject([{ code: 'manual', base_data: null, server_data: { b: 1 } }])
})

test('goes in batches, and lets a stream alone that is being pushed to', async () => {
  const { device } = await pushed(10, 100)
  const { device: busy } = await pushed(1, 100)
  for (const one of [device, busy]) await ageAnswers(one, 10, 91)
  const pushing = await ownerOf(database.url)
  await pushing.ask('BEGIN')
  await pushing.ask('SELECT FROM device_stream WHERE device_id = $1 FOR UPDATE', [busy.id])
  const steps: number[] = []
  for (let gone = 1; gone > 0;) steps.push((gone = (await pruneAnswers(ask, 4)).answers))
  expect(steps).toEqual([4, 4, 2, 0])
  await pushing.ask('COMMIT')
  await pushing.end()
  expect((await pruneAnswers(ask, 4)).answers).toBe(1)
})
