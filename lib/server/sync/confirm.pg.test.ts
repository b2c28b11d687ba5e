import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { answerDigest, answerFacts, contentHash, type AnswerEntry } from '#lib/protocol/confirm.ts'
import type { ChangeInput, SyncReply } from '#lib/protocol/sync.ts'
import { ownerOf } from '../retention/testing/age.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { putPolicy, RawDevice } from '../testing/raw-device.ts'
import { sha256Hex } from './read-changes.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
  await putPolicy(database.db, { name: 'things', strategy: 'merge' })
})
afterAll(() => database.close())

/** The answer to a change, as a reply carries it. */
function answerIn({ accepted, conflicts, rejected }: SyncReply, { op_id }: ChangeInput): AnswerEntry {
  const entries: AnswerEntry[] = [
    ...accepted.map((entry) => ({ kind: 'accepted' as const, ...entry })),
    ...conflicts.map((entry) => ({ kind: 'conflict' as const, ...entry })),
    ...rejected.map((entry) => ({ kind: 'rejected' as const, ...entry })),
  ]
  return entries.find((entry) => entry.op_id === op_id)!
}

/** What a device asks of a change that was answered to it. */
function question(device: RawDevice, change: ChangeInput, entry: AnswerEntry) {
  const { ref, kind, ...facts } = answerFacts(entry)
  return {
    ...{ op_id: change.op_id, incarnation: device.incarnation, seq: change.seq },
    digest: answerDigest(contentHash(change, sha256Hex), { ...facts, kind, ref }, sha256Hex),
    ...(kind === 'rejected' && ref && { dead_letter_id: ref }),
  }
}

/** A change of each kind of answer, and the question about it. */
async function answered() {
  const [device, other] = [await RawDevice.enrol(database.db), await RawDevice.enrol(database.db)]
  const made = device.change({ data: { name: 'a' } })
  const first = await device.send([made])
  const over = { operation: 'UPDATE' as const, record_id: made.record_id, base_version: 1 }
  await other.send([other.change({ ...over, data: { name: 'b' } })])
  const [clash, refused] = [device.change({ ...over, data: { name: 'c' } }), device.change({ table: 'none' })]
  const second = await device.send([clash, refused])
  const asked = [question(device, made, answerIn(first, made))].concat(
    [clash, refused].map((change) => question(device, change, answerIn(second, change))),
  )
  return { device, other, made, first, asked }
}

test('what was answered so is confirmed, of every kind; nothing is said where nothing is asked', async () => {
  const { device, asked } = await answered()
  expect((await device.send([], { confirm: asked })).unconfirmed).toEqual([])
  expect(await device.send([])).not.toHaveProperty('unconfirmed')
})

test('what was answered otherwise, was something else, is another device’s or not known is not', async () => {
  const { device, other, made, first, asked } = await answered()
  const entry = answerIn(first, made)
  const ask = async (by: RawDevice, each: ReturnType<typeof question>) =>
    (await by.send([], { confirm: [each] })).unconfirmed
  for (const each of asked) {
    const { dead_letter_id: _letter, ...rest } = each
    expect(await ask(other, rest)).toEqual([each.op_id])
  }
  const otherwise = { ...entry, version: 2 } as AnswerEntry
  expect(await ask(device, question(device, made, otherwise))).toEqual([made.op_id])
  const changed = { ...made, checksum: sha256Hex('another') }
  expect(await ask(device, question(device, changed, entry))).toEqual([made.op_id])
  const unknown = { ...made, op_id: randomUUID() }
  expect(await ask(device, question(device, unknown, entry))).toEqual([unknown.op_id])
})

test('a refusal because the op_id is another’s is kept in its dead letter alone, and known by that', async () => {
  const { other, made } = await answered()
  const twice = other.change({ op_id: made.op_id })
  const reply = await other.send([twice])
  expect(reply.rejected).toMatchObject([{ code: 'invalid_change', retryable: false }])
  const asked = question(other, twice, answerIn(reply, twice))
  expect((await other.send([], { confirm: [asked] })).unconfirmed).toEqual([])
  const gone = { ...asked, dead_letter_id: randomUUID() }
  expect((await other.send([], { confirm: [gone] })).unconfirmed).toEqual([made.op_id])
})

test('it is looked into before the changes of the same request are taken', async () => {
  const device = await RawDevice.enrol(database.db)
  const change = device.change()
  const { op_id, record_id, checksum } = change
  const facts = { op_id, record_id, version: 1, outcome: 'applied', data: null, checksum } as const
  const asked = question(device, change, { kind: 'accepted', ...facts })
  expect((await device.send([change], { confirm: [asked] })).unconfirmed).toEqual([change.op_id])
  expect((await device.send([], { confirm: [asked] })).unconfirmed).toEqual([])
})

test('an answer that is kept no more is believed, one beyond those is not', async () => {
  const { device, asked } = await answered()
  const owner = await ownerOf(database.url)
  await owner.ask(`DELETE FROM op_result WHERE device_id = $1 AND seq <= 2`, [device.id])
  await owner.ask(`UPDATE device_stream SET pruned_seq = 2, pruned_until = now() WHERE device_id = $1`, [
    device.id,
  ])
  await owner.end()
  const beyond = { ...asked[1]!, op_id: randomUUID(), seq: 3 }
  expect((await device.send([], { confirm: [...asked, beyond] })).unconfirmed).toEqual([beyond.op_id])
})
