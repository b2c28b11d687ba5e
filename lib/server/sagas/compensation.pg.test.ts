import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { crdtValue } from '#lib/core/crdt/types.ts'
import { isJsonObject } from '#lib/core/json.ts'
import { putPolicy } from '../testing/raw-device.ts'
import { refused, sagaBench, sagaOn } from './testing/bench.ts'

let bench: Awaited<ReturnType<typeof sagaBench>>
beforeAll(async () => {
  bench = await sagaBench()
})
afterAll(() => bench.close())

describe('compensation', () => {
  test('a step refused for good: created is deleted, changed is changed back, deleted lives again; newest first', async () => {
    const a = await bench.device()
    const [changed, deleted] = [await bench.made({ a: 1, b: 1 }), await bench.made({ whole: true })]
    const { id, step } = sagaOn(a, 5)
    const created = step(1, { data: { fresh: 1 } })
    await a.send([created])
    const reply = await a.sync([
      step(2, { operation: 'UPDATE', record_id: changed.id, base_version: 1, data: { a: 2, b: 1 } }),
      step(3, { operation: 'DELETE', record_id: deleted.id, base_version: 1, data: null }),
      step(4, { data: refused }),
      step(5, { data: { never: 1 } }),
    ])
    expect(reply.accepted).toHaveLength(2)
    expect(reply.rejected.map(({ code }) => code)).toEqual(['business_rule', 'saga_aborted'])

    expect(await bench.sagaRow(id)).toMatchObject({
      ...{
        state: 'compensated',
        cause: 'step_failed',
        failedStep: 4,
        failedCode: 'business_rule',
        toUndo: 0,
      },
    })
    expect(await bench.db.record.findFirst({ where: { id: created.record_id } })).toMatchObject({
      ...{ deleted: true, version: 2 },
    })
    expect(await bench.recordOf(changed.id)).toMatchObject({ data: { a: 1, b: 1 }, version: 3 })
    expect(await bench.recordOf(deleted.id)).toMatchObject({ data: { whole: true }, version: 3 })
    const steps = await bench.stepsOf(id)
    expect(steps.map(({ state, outcome, undo }) => [state, outcome, undo])).toEqual([
      ['applied', 'applied', 'restored'],
      ['applied', 'applied', 'restored'],
      ['applied', 'applied', 'restored'],
      ['failed', 'business_rule', null],
      ['aborted', 'saga_aborted', null],
    ])
    const times = steps.slice(0, 3).map(({ undoneAt }) => undoneAt!.getTime())
    expect(times).toEqual(times.toSorted((x, y) => y - x))

    // Both are seen: what the saga did, and what took it back, by whom and what it took.
    const history = await bench.historyOf(changed.id)
    expect(history.map(({ afterVersion }) => afterVersion)).toEqual([1, 2, 3])
    expect(history[2]).toMatchObject({
      rule: { strategy: 'saga_compensation', saga: { id, step: 2 } },
      lost: [{ path: 'a', value: 2 }],
    })
    // Nothing is lost: what was refused and what came too late are dead letters of their own.
    const letters = await bench.db.deadLetter.findMany({ where: { deviceId: a.id } })
    expect(letters.map(({ code }) => code).toSorted()).toEqual(['business_rule', 'saga_aborted'])
    // The device is told in the same reply, others when they ask.
    const told = reply.server_changes.filter(({ by }) => by.id === 'saga_compensation')
    expect(told.map(({ operation }) => operation).toSorted()).toEqual(['DELETE', 'UPSERT', 'UPSERT'])
  })

  test('a step that ends in a conflict sets the saga back; the conflict stays for a person', async () => {
    const a = await bench.device()
    const other = await bench.made({ a: 1 }, 'signed')
    const { id, step } = sagaOn(a, 2)
    const first = step(1, { data: { n: 1 } })
    await other.edit(1, { a: 2 })
    const clash = { operation: 'UPDATE', table: 'signed', record_id: other.id, base_version: 1 } as const
    const reply = await a.send([first, step(2, { ...clash, data: { a: 3 } })])
    expect(reply.conflicts).toHaveLength(1)
    expect(await bench.sagaRow(id)).toMatchObject({
      state: 'compensated',
      failedStep: 2,
      failedCode: 'conflict',
    })
    expect((await bench.stepsOf(id))[1]?.conflictId).toBe(reply.conflicts[0]?.conflict_id)
    expect(await bench.db.conflict.count({ where: { recordId: other.id, state: 'open' } })).toBe(1)
  })

  test('so does one that came second where the first writer wins', async () => {
    const a = await bench.device()
    const other = await bench.made({ a: 1 }, 'claims')
    await other.edit(1, { a: 2 })
    const { id, step } = sagaOn(a, 2)
    const late = { operation: 'UPDATE', table: 'claims', record_id: other.id, base_version: 1 } as const
    await a.send([step(1), step(2, { ...late, data: { a: 3 } })])
    expect(await bench.sagaRow(id)).toMatchObject({ state: 'compensated', failedCode: 'stale_version' })
  })

  test('what others edited since stays: the inverse is merged', async () => {
    const a = await bench.device()
    const shared = await bench.made({ a: 1, b: 1 })
    const { id, step } = sagaOn(a, 2)
    await a.send([
      step(1, { operation: 'UPDATE', record_id: shared.id, base_version: 1, data: { a: 2, b: 1 } }),
    ])
    await shared.edit(2, { a: 2, b: 7 })
    await a.send([step(2, { data: refused })])
    expect(await bench.recordOf(shared.id)).toMatchObject({ data: { a: 1, b: 7 }, version: 4 })
    expect((await bench.stepsOf(id))[0]).toMatchObject({ undo: 'merged', undoVersion: 4 })
  })

  test('of a merged step, only what the saga contributed is undone', async () => {
    const a = await bench.device()
    const shared = await bench.made({ a: 1, b: 1 })
    await shared.edit(1, { a: 1, b: 7 })
    const { step } = sagaOn(a, 2)
    const [merged] = (
      await a.send([
        step(1, { operation: 'UPDATE', record_id: shared.id, base_version: 1, data: { a: 2, b: 1 } }),
      ])
    ).accepted
    expect(merged).toMatchObject({ outcome: 'merged', data: { a: 2, b: 7 } })
    await a.send([step(2, { data: refused })])
    expect(await bench.recordOf(shared.id)).toMatchObject({ data: { a: 1, b: 7 } })
  })

  test('steps that wrote nothing need no undoing', async () => {
    const a = await bench.device()
    const [same, lost] = [await bench.made({ a: 1 }), await bench.made({ a: 1 }, 'parts')]
    await lost.edit(1, { a: 2 })
    const { id, step } = sagaOn(a, 3)
    const old = '000000000001-0000-0000000000000001'
    const reply = await a.send([
      step(1, { operation: 'UPDATE', record_id: same.id, base_version: 1, data: { a: 1 } }),
      step(2, {
        operation: 'UPDATE',
        table: 'parts',
        record_id: lost.id,
        base_version: 1,
        data: { a: 3 },
        hlc: old,
      }),
      step(3, { data: refused }),
    ])
    expect(reply.accepted.map(({ outcome }) => outcome)).toEqual(['no_change', 'superseded'])
    expect(await bench.sagaRow(id)).toMatchObject({ state: 'compensated' })
    expect((await bench.recordOf(same.id)).version).toBe(1)
    expect((await bench.recordOf(lost.id)).data).toEqual({ a: 2 })
  })

  test('one record that several steps wrote is as it was before the first', async () => {
    const a = await bench.device()
    const shared = await bench.made({ a: 1, b: 1 })
    const { step } = sagaOn(a, 4)
    const on = { operation: 'UPDATE', record_id: shared.id, base_version: 1 } as const
    const first = step(1, { ...on, data: { a: 2, b: 1 } })
    const second = step(2, { ...on, base_op_id: first.op_id, data: { a: 2, b: 2 } })
    const third = step(3, { ...on, operation: 'DELETE', base_op_id: second.op_id, data: null })
    expect((await a.send([first, second, third])).accepted).toHaveLength(3)
    await a.send([step(4, { data: refused })])
    expect(await bench.recordOf(shared.id)).toMatchObject({ data: { a: 1, b: 1 }, version: 7 })
  })

  test('a record that moved to another scope moves back', async () => {
    const a = await bench.device(['here', 'there'])
    const record = a.change({ scope: 'here', data: { a: 1 } })
    await a.send([record])
    const { step } = sagaOn(a, 2)
    const move = { operation: 'UPDATE', record_id: record.record_id, base_version: 1 } as const
    await a.send([step(1, { ...move, scope: 'there', from_scope: 'here', data: { a: 2 } })])
    await a.send([step(2, { data: refused })])
    expect(await bench.recordOf(record.record_id)).toMatchObject({ scope: 'here', data: { a: 1 } })
  })

  test('an operation the device gives up ends its saga, too', async () => {
    const a = await bench.device()
    const { id, step } = sagaOn(a, 3)
    const first = step(1)
    await a.send([first])
    const second = step(2)
    await a.send([{ ...second, checksum: 'damaged' }])
    const report = { op_id: second.op_id, code: 'retries_exceeded', attempts: 8, change: second }
    const reply = await a.send([step(3)], { dead_letters: [report] })
    expect(reply.rejected).toMatchObject([{ code: 'saga_aborted' }])
    expect(await bench.sagaRow(id)).toMatchObject({
      state: 'compensated',
      failedStep: 2,
      failedCode: 'retries_exceeded',
    })
    expect((await bench.stepsOf(id))[1]?.deadLetterId).not.toBeNull()
  })

  test('a step that cannot even be read ends its saga', async () => {
    const a = await bench.device()
    const { id, step } = sagaOn(a, 2)
    await a.send([step(1), { ...step(2), table: 17 }])
    expect(await bench.sagaRow(id)).toMatchObject({
      state: 'compensated',
      failedStep: 2,
      failedCode: 'invalid_change',
    })
  })

  test('answers stay what they were, and what is sent again has no effect', async () => {
    const a = await bench.device()
    const { id, step } = sagaOn(a, 3)
    const changes = [step(1, { data: { n: 1 } }), step(2, { data: refused }), step(3)]
    const first = await a.send(changes)
    const again = await a.send(changes)
    expect(again.accepted).toEqual(first.accepted)
    expect(again.rejected).toEqual(first.rejected)
    expect(await bench.historyOf(changes[0]!.record_id)).toHaveLength(2)
    expect((await bench.sagaRow(id)).state).toBe('compensated')
  })

  test('what a step counted is taken back, and no device that still has its old count brings it back', async () => {
    await putPolicy(bench.db, { name: 'counters', strategy: 'crdt' })
    const [a, b] = [await bench.device(), await bench.device()]
    const counter = (counts: Record<string, number>, dec = {}) => ({
      n: { $crdt: 'pn-counter', inc: counts, dec },
    })
    const made = b.change({ table: 'counters', data: counter({ [b.id]: 2 }) })
    await b.send([made])
    const on = { table: 'counters', operation: 'UPDATE', record_id: made.record_id } as const
    const { id, step } = sagaOn(a, 2)
    const counted = { [a.id]: 5, [b.id]: 2 }
    await a.send([step(1, { ...on, base_version: 1, data: counter(counted) })])
    await a.send([step(2, { data: refused })])
    expect((await bench.sagaRow(id)).state).toBe('compensated')
    const value = async () => {
      const { data } = await bench.recordOf(made.record_id)
      return isJsonObject(data) && isJsonObject(data['n']) ? crdtValue(data['n']) : undefined
    }
    expect(await value()).toBe(2)
    await a.send([a.change({ ...on, base_version: 2, data: counter({ ...counted, [a.id]: 6 }) })])
    expect(await value()).toBe(3)
  })
})
