import { afterAll, beforeAll, expect, test } from 'vitest'
import type { JsonObject } from '#lib/core/json.ts'
import { deadLetterDesk, mend, schema, type DeadLetterDesk } from '../../testing/desk.ts'

// A refused edit that its device sends again, and an operator replays: it takes effect once.

const table = 'stories'
let desk: DeadLetterDesk
beforeAll(async () => {
  desk = await deadLetterDesk()
  await desk.putPolicy({ name: table, strategy: 'merge', schema, fields: { note: { strategy: 'ot' } } })
})
afterAll(() => desk.close())

/** A record with a text, and a dead letter of an edit of it: the text is longer, and `n` not allowed. */
async function refused() {
  const device = await desk.device()
  const scope = device.scopes[0]!
  const made = device.change({ table, scope, data: { n: 1, note: 'a' } })
  await device.sync([made])
  const key = { table, scope, record_id: made.record_id, operation: 'UPDATE', base_version: 1 } as const
  const letter = await desk.makeLetter({ ...key, data: { n: -1, note: 'ab' } }, device)
  /** The device's own edit again, put right, and with more where that is given. */
  const again = (over: { data?: JsonObject; text_ops?: Record<string, JsonObject[]> } = {}) =>
    device.change({
      ...{ ...key, data: { n: 1, note: 'ab' } },
      contains: [letter.change.op_id],
      ...over,
    })
  const current = async () => (await desk.get(letter.id)).body.current?.data
  return { ...letter, again, current }
}

test('what its device sent again is replayed by nobody else, and the letter says so', async () => {
  const { id, device, change, again, current } = await refused()
  const sent = again()
  expect((await device.sync([sent])).accepted).toMatchObject([{ outcome: 'applied' }])
  const { body: letter } = await desk.get(id)
  expect(letter).toMatchObject({
    ...{ state: 'replayed', replay_op_id: sent.op_id, reason: 'Its device sent it again.' },
    ...{ closed_by: letter.device_name, version: 2, attempts: 2 },
    attempt_log: [
      { outcome: 'received' },
      { outcome: 'replayed', op_id: sent.op_id, actor: letter.device_name },
    ],
  })
  const { status, body } = await desk.replay(id, { change: mend(change, { n: 1, note: 'ab' }) })
  expect(status).toBe(409)
  expect(body).toMatchObject({
    detail: `Its device sent it again. It is operation ${sent.op_id} now.`,
  })
  expect(await current()).toEqual({ n: 1, note: 'ab' })
})

test('what was replayed is not done again by its device, but for what the device has beside', async () => {
  const { id, device, change, again, current } = await refused()
  await desk.putPolicy({ name: table, strategy: 'merge', fields: { note: { strategy: 'ot' } } })
  expect((await desk.replay(id)).body).toMatchObject({ kind: 'accepted', outcome: 'applied' })
  const whole = again({ data: change.data! })
  expect((await device.sync([whole])).accepted).toMatchObject([{ outcome: 'no_change' }])
  expect(await current()).toEqual({ n: -1, note: 'ab' })
  const more = again({ data: { n: 1, note: 'abc' }, text_ops: { note: [{ retain: 1 }, { insert: 'bc' }] } })
  expect((await device.sync([more])).accepted).toMatchObject([{ outcome: 'applied' }])
  expect(await current()).toEqual({ n: 1, note: 'abc' })
  expect((await desk.get(id)).body).toMatchObject({ state: 'replayed', closed_by: 'key of operator' })
  await desk.putPolicy({ name: table, strategy: 'merge', schema, fields: { note: { strategy: 'ot' } } })
})

test('what is refused again has one dead letter that is open', async () => {
  const { id, device, again, current } = await refused()
  const { rejected } = await device.sync([again({ data: { n: -2, note: 'ab' } })])
  expect((await desk.get(id)).body).toMatchObject({
    state: 'discarded',
    reason: 'Its device sent it again, and it was refused again: the newer dead letter holds it.',
  })
  const newer = rejected[0]!.dead_letter_id!
  const { body } = await desk.replay(newer, { change: mend(again(), { n: 2, note: 'ab' }) })
  expect(body).toMatchObject({ kind: 'accepted' })
  expect((await desk.get(id)).body).toMatchObject({ state: 'replayed', replay_op_id: body.op_id })
  expect(await current()).toEqual({ n: 2, note: 'ab' })
})

test('both at once: one of them does it', async () => {
  for (let round = 0; round < 5; round++) {
    const { id, device, change, again, current } = await refused()
    const [replayed, synced] = await Promise.all([
      desk.replay(id, { change: mend(change, { n: 1, note: 'ab' }) }),
      device.sync([again()]),
    ])
    expect([200, 409]).toContain(replayed.status)
    expect(synced.accepted).toHaveLength(1)
    expect(await current()).toEqual({ n: 1, note: 'ab' })
    expect(
      (await desk.get(id)).body.attempt_log.filter(({ outcome }) => outcome === 'replayed'),
    ).toHaveLength(1)
  }
})

test('what a device gave up and sends again in one request is closed with it', async () => {
  const device = await desk.device()
  const made = device.change({ table, scope: device.scopes[0]!, data: { n: 1, note: 'a' } })
  const report = { op_id: made.op_id, code: 'retries_exceeded', detail: 'gave up', change: made }
  const [scope, record_id, data] = [device.scopes[0]!, made.record_id, { n: 1, note: 'a' }]
  const again = device.change({ table, seq: 1, scope, record_id, data, contains: [made.op_id] })
  await device.sync([again], { dead_letters: [report] })
  const { items } = await desk.list(`record_id=${made.record_id}`)
  expect(items).toMatchObject([{ source: 'device', state: 'replayed', replay_op_id: again.op_id }])
})
