import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { incrementPnCounter, type PnCounter } from '#lib/core/crdt/pn-counter.ts'
import { crdtValue } from '#lib/core/crdt/types.ts'
import { personActor } from '../actor.ts'
import { getConflict } from '../conflicts/get.ts'
import { resolveConflict } from '../conflicts/resolve.ts'
import { putPolicy, type RawDevice } from '../testing/raw-device.ts'
import { compensateSaga } from './compensate.ts'
import { getSaga } from './get.ts'
import { listSagas } from './list.ts'
import { retrySaga } from './retry.ts'
import { refused, sagaBench, sagaOn } from './testing/bench.ts'

let bench: Awaited<ReturnType<typeof sagaBench>>
beforeAll(async () => {
  bench = await sagaBench()
  await putPolicy(bench.db, { name: 'counters', strategy: 'crdt' })
})
afterAll(() => bench.close())

type Counted = { n: PnCounter }
const counter = (inc: Record<string, number>): Counted => ({ n: { $crdt: 'pn-counter', inc, dec: {} } })

const operator = personActor({ id: randomUUID(), name: 'op@example.com', role: 'operator', via: 'session' })
const retry = async (id: string, more: Partial<Parameters<typeof retrySaga>[1]> = {}) => {
  const { version } = await getSaga(operator, id)
  return retrySaga(operator, { id, version, reason: 'again', edits: [], traceId: 'trace', ...more })
}

/** A saga of an edit, an edit on top of it, a new record and one that `things` refuses until it is mended. */
async function undone(a: RawDevice, table = 'things') {
  const shared = await bench.made({ a: 1 }, table)
  const { id, step } = sagaOn(a, 4)
  const on = { operation: 'UPDATE', table, record_id: shared.id } as const
  await a.send([step(1, { ...on, base_version: 1, data: { a: 2 } })])
  const second = step(2, { ...on, base_version: 2, data: { a: 2, b: 2 } })
  const created = step(3, { data: { n: 1 } })
  const last = step(4, { data: refused })
  await a.send([second, created, last])
  expect(await bench.sagaRow(id)).toMatchObject({ state: 'compensated', failedStep: 4 })
  return { id, shared, created, last }
}

describe('retry', () => {
  test.each(['things', 'parts', 'claims', 'signed'])(
    'sends all steps again under new ids, and links the two: table %s',
    async (table) => {
      const a = await bench.device()
      const { id, shared, created, last } = await undone(a, table)
      const again = await retry(id, { edits: [{ step: 4, data: { count: 1 } }] })
      expect(again).toMatchObject({ state: 'completed', applied: 4, retry_of: id, device_id: a.id })
      expect((await getSaga(operator, id)).retried_as).toBe(again.id)
      expect((await bench.recordOf(shared.id)).data).toEqual({ a: 2, b: 2 })
      expect((await bench.recordOf(created.record_id)).data).toEqual({ n: 1 })
      expect((await bench.recordOf(last.record_id)).data).toEqual({ count: 1 })
      const old = new Set((await bench.stepsOf(id)).map(({ opId }) => opId))
      expect(again.step_list.filter(({ op_id: opId }) => old.has(opId))).toEqual([])
      // The dead letter of the failed step went on with it.
      expect(await bench.db.deadLetter.findFirst({ where: { deviceId: a.id } })).toMatchObject({
        ...{ state: 'replayed', replayOpId: again.step_list[3]!.op_id, closedBy: operator.name },
      })
      expect(await bench.db.audit.findFirst({ where: { action: 'saga.retry', targetId: id } })).toMatchObject(
        {
          ...{ actorName: operator.name, reason: 'again' },
        },
      )
    },
  )

  test('one that fails again is undone again, with a dead letter of its own, and can be retried', async () => {
    const a = await bench.device()
    const { id, shared } = await undone(a)
    const again = await retry(id)
    expect(again).toMatchObject({ state: 'compensated', failed_step: 4, failed_code: 'business_rule' })
    expect((await bench.recordOf(shared.id)).data).toEqual({ a: 1 })
    const letters = await bench.db.deadLetter.findMany({
      where: { deviceId: a.id },
      orderBy: { createdAt: 'asc' },
    })
    expect(letters.map(({ state, code }) => [state, code])).toEqual([
      ['replayed', 'business_rule'],
      ['open', 'business_rule'],
    ])
    await putPolicy(bench.db, { name: 'things' })
    expect((await retry(again.id)).state).toBe('completed')
    await bench.protect()
  })

  test('what others wrote since is met as any edit meets it', async () => {
    const a = await bench.device()
    const { id, shared } = await undone(a)
    const { version } = await bench.recordOf(shared.id)
    await shared.edit(version, { a: 1, c: 3 })
    expect((await retry(id, { edits: [{ step: 4, data: {} }] })).state).toBe('completed')
    expect((await bench.recordOf(shared.id)).data).toEqual({ a: 2, b: 2, c: 3 })
  })

  test('what its steps counted counts again, once each time, beside what others count', async () => {
    const [a, b] = [await bench.device(), await bench.device()]
    const made = b.change({ table: 'counters', data: counter({ [b.id]: 2 }) })
    await b.send([made])
    const on = { table: 'counters', operation: 'UPDATE', record_id: made.record_id } as const
    const { id, step } = sagaOn(a, 3)
    const first = step(1, { ...on, base_version: 1, data: counter({ [b.id]: 2, [a.id]: 5 }) })
    const second = { base_version: 1, base_op_id: first.op_id, data: counter({ [b.id]: 2, [a.id]: 7 }) }
    await a.send([first, step(2, { ...on, ...second }), step(3, { data: refused })])
    const told = async () => crdtValue(((await bench.recordOf(made.record_id)).data as Counted).n)
    expect(await told()).toBe(2)
    // Fails again, and is undone again.
    const again = await retry(id)
    expect(again.state).toBe('compensated')
    expect(await told()).toBe(2)
    const { version } = await bench.recordOf(made.record_id)
    const data = {
      n: incrementPnCounter(((await bench.recordOf(made.record_id)).data as Counted).n, b.id, 10),
    }
    await b.send([b.change({ ...on, base_version: version, data })])
    const last = await retry(again.id, { edits: [{ step: 3, data: { count: 1 } }] })
    expect(last).toMatchObject({ state: 'completed', applied: 3 })
    expect(await told()).toBe(19)
  })

  test('is refused where nobody can tell what was taken back of a CRDT', async () => {
    const a = await bench.device()
    const made = a.change({ table: 'counters', data: { ...counter({}), name: 'a' } })
    await a.send([made])
    const on = { table: 'counters', operation: 'UPDATE', record_id: made.record_id } as const
    const { id, step } = sagaOn(a, 2)
    const data = { ...counter({ [a.id]: 1 }), name: 'b' }
    await a.send([step(1, { ...on, base_version: 1, data })])
    await a.send([a.change({ ...on, base_version: 2, data: { ...data, name: 'c' } })])
    await a.send([step(2, { data: refused })])
    expect(await bench.sagaRow(id)).toMatchObject({ state: 'stuck' })
    const [blocked] = await bench.stepsOf(id)
    const admin = personActor({ id: randomUUID(), name: 'ad@example.com', role: 'admin', via: 'session' })
    const conflict = await getConflict(admin, blocked!.undoConflictId!)
    expect(conflict.client.data).toMatchObject({ name: 'a' })
    await resolveConflict(admin, {
      ...{ id: conflict.id, seen: { conflict: 1, record: 3 }, choice: 'client', data: undefined },
      ...{ reason: 'as it was', traceId: 't' },
    })
    const { data: settled } = await bench.recordOf(made.record_id)
    expect(settled).toMatchObject({ name: 'a' })
    expect(crdtValue((settled as Counted).n)).toBe(0)
    await expect(retry(id)).rejects.toThrow(/settled by a person/)
  })

  test('is done once, whoever asks', async () => {
    const a = await bench.device()
    const { id } = await undone(a)
    const { version } = await getSaga(operator, id)
    const ask = () => retrySaga(operator, { id, version, reason: 'again', edits: [], traceId: 't' })
    const done = await Promise.allSettled([ask(), ask(), ask()])
    expect(done.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await bench.db.saga.count({ where: { retryOf: id } })).toBe(1)
    await expect(ask()).rejects.toMatchObject({ code: 'conflict' })
  })

  test('is refused where there is no whole', async () => {
    const a = await bench.device()
    const { id, step } = sagaOn(a, 3)
    await a.send([step(1), step(2, { data: { n: 'x' }, table: 'nowhere' })])
    expect((await getSaga(operator, id)).retry_refusal).toBe(
      'Step 3 never arrived: there is no whole to retry.',
    )
    await expect(retry(id)).rejects.toMatchObject({ code: 'conflict' })
  })
})

describe('compensate', () => {
  const call = async (id: string) => {
    const { version } = await getSaga(operator, id)
    return compensateSaga(operator, { id, version, reason: 'the customer left', traceId: 't' })
  }

  test('calls a running saga off', async () => {
    const a = await bench.device()
    const { id, step } = sagaOn(a, 3)
    const first = step(1)
    await a.send([first])
    expect(await call(id)).toMatchObject({
      state: 'compensated',
      cause: 'called_off',
      reason: 'the customer left',
    })
    expect((await bench.historyOf(first.record_id)).map(({ effect }) => effect)).toEqual(['UPSERT', 'DELETE'])
    await expect(call(id)).rejects.toMatchObject({ code: 'conflict' })
    expect((await a.send([step(2)])).rejected[0]?.detail).toBe(
      'The saga is undone: an operator called it off.',
    )
  })

  test('tries again what could not be undone', async () => {
    const a = await bench.device()
    const table = `short-lived-${randomUUID()}`
    await putPolicy(bench.db, { name: table })
    const { id, step } = sagaOn(a, 2)
    await a.send([step(1, { table })])
    await bench.db.tablePolicy.delete({ where: { name: table } })
    await a.send([step(2, { table: 'nowhere' })])
    const stuck = await getSaga(operator, id)
    expect(stuck).toMatchObject({ state: 'stuck', blocked: 1 })
    expect(stuck.step_list[0]?.undo).toMatchObject({ outcome: 'failed' })
    await putPolicy(bench.db, { name: table })
    expect(await call(id)).toMatchObject({ state: 'compensated', blocked: 0 })
  })
})

test('lists by state, device, table and age, in pages that neither skip nor repeat', async () => {
  const a = await bench.device()
  const ids: string[] = []
  for (let i = 0; i < 5; i++) {
    const { id, step } = sagaOn(a, 2)
    await a.send([step(1, { table: i === 0 ? 'parts' : 'things' })])
    ids.push(id)
  }
  const seen: string[] = []
  for (let cursor: string | undefined; ;) {
    const page = await listSagas(operator, { device_id: a.id, limit: 2, cursor })
    expect(page.total).toBe(5)
    seen.push(...page.items.map(({ id }) => id))
    if (page.next_cursor === null) break
    cursor = page.next_cursor
  }
  expect(seen).toEqual(ids.toReversed())
  const total = async (query: Parameters<typeof listSagas>[1]) =>
    (await listSagas(operator, { device_id: a.id, ...query })).total
  expect(await total({ table: 'parts' })).toBe(1)
  expect(await total({ state: 'completed' })).toBe(0)
  expect(await total({ state: 'open' })).toBe(5)
  await bench.db.saga.update({
    where: { id: ids[0]! },
    data: { startedAt: new Date(Date.now() - 3_600_000) },
  })
  expect(await total({ min_age_seconds: 3_600 })).toBe(1)
})

// The last of all: there is no way back from a restore.
test('on a server that was restored, a retry makes again what the undoing had taken away', async () => {
  await bench.db.$executeRaw`INSERT INTO lost_history DEFAULT VALUES`
  const { id, created } = await undone(await bench.device())
  const again = await retry(id, { edits: [{ step: 4, data: { count: 1 } }] })
  expect(again).toMatchObject({ state: 'completed', applied: 4 })
  expect((await bench.recordOf(created.record_id)).data).toEqual({ n: 1 })
})
