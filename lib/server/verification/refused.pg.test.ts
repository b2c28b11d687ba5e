import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { JsonObject } from '#lib/core/json.ts'
import { personActor } from '../actor.ts'
import { resolveConflict } from '../conflicts/resolve.ts'
import { undoResolution } from '../conflicts/undo.ts'
import { getDeadLetter } from '../dead-letters/get.ts'
import { replayDeadLetter } from '../dead-letters/replay.ts'
import { getSaga } from '../sagas/get.ts'
import { refused, sagaBench, sagaOn } from '../sagas/testing/bench.ts'
import { resendSaga } from '../sync/resend-saga.ts'
import { putPolicy } from '../testing/raw-device.ts'
import { lineOf } from './finding.ts'
import type { Ask } from './store.ts'
import { verifyData } from './verify.ts'

let bench: Awaited<ReturnType<typeof sagaBench>>
let client: pg.Client
beforeAll(async () => {
  bench = await sagaBench()
  client = new pg.Client({ connectionString: bench.url })
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await bench.close()
})

const admin = personActor({ id: randomUUID(), name: 'ad@example.com', role: 'admin', via: 'session' })
const operator = personActor({ id: randomUUID(), name: 'op@example.com', role: 'operator', via: 'session' })
const ask: Ask = async (sql, values = []) => (await client.query(sql, values)).rows
async function findings() {
  await ask('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  const secret = process.env['HOLDFAST_TOKEN_SECRET'] ?? ''
  const found = await Array.fromAsync(verifyData(ask, { secret }))
  await ask('COMMIT')
  return found.map(lineOf)
}

type Step = ReturnType<ReturnType<typeof sagaOn>['step']>

describe('a step that is refused without a place in the stream sets its saga back, and its dead letter proves it', () => {
  test.each<[string, (step: Step) => unknown[]]>([
    ['its name cannot be read', (step) => [{ ...step, op_id: {} }]],
    ['its seq cannot be read', (step) => [{ ...step, seq: 'x' }]],
    ['nothing of it can be read but its saga', ({ saga, seq }) => [{ saga, seq }]],
    ['its seq stands twice', (step) => [{ ...step, op_id: randomUUID(), saga: null }, step]],
  ])('%s', async (_, send) => {
    const a = await bench.device()
    const { id, step } = sagaOn(a, 2)
    expect((await a.send([step(1, { data: { n: 1 } })])).accepted).toHaveLength(1)
    await a.send(send(step(2, { data: { n: 2 } })))
    expect(await bench.sagaRow(id)).toMatchObject({ state: 'compensated', failedStep: 2 })
    expect((await bench.stepsOf(id))[1]).toMatchObject({
      state: 'failed',
      outcome: 'invalid_change',
      seq: null,
    })
    expect(await findings()).toEqual([])
  })

  test('its name is that of another device’s operation', async () => {
    const [a, other] = [await bench.device(), await bench.device()]
    const taken = other.change()
    await other.send([taken])
    const { id, step } = sagaOn(a, 2)
    await a.send([step(1), step(2, { op_id: taken.op_id })])
    expect((await bench.stepsOf(id))[1]).toMatchObject({ state: 'failed', opId: taken.op_id, seq: null })
    expect(await findings()).toEqual([])
  })

  test('the device gave it up, under a name that was answered since', async () => {
    const a = await bench.device()
    const { id, step } = sagaOn(a, 2)
    const plain = a.change()
    await a.send([plain, step(1)])
    const given = { ...step(2), op_id: plain.op_id }
    a.lastSeq -= 1
    await a.sync([], { dead_letters: [{ op_id: plain.op_id, code: 'retries_exceeded', change: given }] })
    expect((await bench.stepsOf(id))[1]).toMatchObject({ state: 'failed', seq: null })
    expect(await findings()).toEqual([])
  })
})

test('its name is that of an operation that its older self had answered', async () => {
  const a = await bench.device()
  const answered = a.change()
  await a.send([answered])
  Object.assign(a, { incarnation: randomUUID(), lastSeq: 0 })
  const { id, step } = sagaOn(a, 2)
  await a.send([step(1), step(2, { op_id: answered.op_id })])
  expect((await bench.stepsOf(id))[1]).toMatchObject({ state: 'failed', opId: answered.op_id, seq: null })
  expect(await findings()).toEqual([])
})

test('a step that would have moved its record, and lost', async () => {
  const a = await bench.device(['default', 'other'])
  const first = a.change({ table: 'parts', data: { n: 1 } })
  await a.send([first])
  const { record_id } = first
  const { id, step } = sagaOn(a, 2)
  const older = { hlc: `${(1).toString(16).padStart(12, '0')}-0000-${'0'.repeat(16)}` }
  const moved = {
    operation: 'UPDATE',
    table: 'parts',
    record_id,
    scope: 'other',
    from_scope: 'default',
  } as const
  const other = await bench.device()
  await other.send([
    other.change({ operation: 'UPDATE', table: 'parts', record_id, base_version: 1, data: { n: 2 } }),
  ])
  await a.send([step(1, { ...moved, ...older, base_version: 1, data: { n: 3 } })])
  expect((await bench.stepsOf(id))[0]).toMatchObject({
    outcome: 'superseded',
    scope: 'other',
    fromScope: 'default',
  })
  expect(await findings()).toEqual([])
})

test('what was brought up from an older schema, and refused', async () => {
  await putPolicy(bench.db, {
    ...{ name: 'raised', schema_version: 2, upcasts: { 1: [{ rename: { n: 'count' } }] } },
    rules: [{ rule: 'self.count >= 0', message: 'never negative', field: 'count' }],
  })
  const a = await bench.device()
  const { rejected } = await a.send([a.change({ table: 'raised', data: { n: -1 } })])
  expect(rejected).toMatchObject([{ code: 'business_rule' }])
  expect(await findings()).toEqual([])
})

test('the conflict of an undoing was settled, and that was taken back', async () => {
  const a = await bench.device()
  const shared = await bench.made({ a: 1 })
  const { id, step } = sagaOn(a, 2)
  await a.send([step(1, { operation: 'UPDATE', record_id: shared.id, base_version: 1, data: { a: 2 } })])
  await shared.edit(2, { a: 3 })
  await a.send([step(2, { data: refused })])
  const [blocked] = await bench.stepsOf(id)
  const settle = { id: blocked!.undoConflictId!, reason: 'as it was', traceId: 't' }
  const seen = { conflict: 1, record: 3 }
  await resolveConflict(admin, { ...settle, seen, choice: 'client', data: undefined })
  await undoResolution(admin, { ...settle, seen: { conflict: 2, record: 4 } })
  expect(await bench.sagaRow(id)).toMatchObject({ state: 'compensated' })
  expect(await findings()).toEqual([])
})

test('its dead letter was replayed without it, and refused for another reason', async () => {
  const a = await bench.device()
  const { id, step } = sagaOn(a, 2)
  await a.send([step(1, { data: refused })])
  const [failed] = await bench.stepsOf(id)
  const letter = await bench.db.deadLetter.findUniqueOrThrow({ where: { id: failed!.deadLetterId! } })
  const replayed = await replayDeadLetter(operator, {
    ...{ id: letter.id, version: letter.version, dryRun: false, reason: 'once more', traceId: 't' },
    change: { ...(JSON.parse(letter.change) as JsonObject), saga: null, table: 'nowhere' },
  })
  expect(replayed).toMatchObject({ code: 'unknown_table' })
  expect(await findings()).toEqual([])
})

describe('what cannot be read is one letter and has one hash, whatever each sending says anew', () => {
  test.each<[string, object]>([
    ['without its seq at first', { seq: null }],
    ['under another stamp at first', { hlc: 'x', seq: null }],
  ])('%s', async (_, first) => {
    const a = await bench.device()
    const broken = { ...a.change(), operation: 'UPSERT' }
    const [misplaced] = (await a.send([{ ...broken, ...first }])).rejected
    const [answered] = (await a.send([broken])).rejected
    expect(answered).toMatchObject({ code: 'invalid_change', dead_letter_id: misplaced?.dead_letter_id })
    expect((await a.send([{ ...broken, traceparent: '00-1' }])).rejected).toEqual([answered])
    expect(await findings()).toEqual([])
  })
})

test('a number past all doubles stays one in the dead letter, so that nobody replays it as null', async () => {
  const a = await bench.device()
  const { id, step } = sagaOn(a, 2)
  await a.send([step(1), JSON.parse(JSON.stringify(step(2)).replace('"x"', '-1e400'))])
  const [, failed] = await bench.stepsOf(id)
  const letter = await bench.db.deadLetter.findUniqueOrThrow({ where: { id: failed!.deadLetterId! } })
  expect(JSON.parse(letter.change)).toMatchObject({ data: { name: -Infinity } })
  const shown = { data: { name: '-1e999' } }
  expect(await getDeadLetter(operator, letter.id)).toMatchObject({ change: shown })
  expect((await getSaga(operator, id)).step_list[1]).toMatchObject({ change: shown })
  expect(await findings()).toEqual([])
})

test('a saga with a step that nobody can read is retried, and fails as before', async () => {
  const a = await bench.device()
  const { id, step } = sagaOn(a, 2)
  await a.send([step(1), { ...step(2), data: { name: '\ud800' } }])
  const { revision } = await bench.sagaRow(id)
  const again = await resendSaga(bench.engine, {
    ...{ id, version: revision, actor: operator, reason: 'again', edits: [], traceId: 't' },
  })
  expect(await bench.sagaRow(again)).toMatchObject({ state: 'compensated', failedStep: 2 })
  expect((await bench.stepsOf(again))[1]).toMatchObject({ outcome: 'invalid_change', seq: null })
  expect(await findings()).toEqual([])
})
