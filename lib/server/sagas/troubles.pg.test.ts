import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { personActor } from '../actor.ts'
import { getConflict } from '../conflicts/get.ts'
import { resolveConflict } from '../conflicts/resolve.ts'
import type { RawDevice } from '../testing/raw-device.ts'
import { undoSaga } from '../sync/undo-sagas.ts'
import { lookAfterSagas } from './look-after.ts'
import { refused, sagaBench, sagaOn } from './testing/bench.ts'

let bench: Awaited<ReturnType<typeof sagaBench>>
beforeAll(async () => {
  bench = await sagaBench()
})
afterAll(() => bench.close())

const admin = personActor({ id: randomUUID(), name: 'ad@example.com', role: 'admin', via: 'session' })

describe('what does not go smoothly', () => {
  /** A saga that was set back, by a process that died right after the commit. */
  async function crashed(a: RawDevice, changes: unknown[]) {
    const dead = vi.spyOn(bench.engine.store, 'nextUndo').mockRejectedValue(new Error('the process died'))
    await a.send(changes)
    dead.mockRestore()
  }

  test('a crash between the commit and the undoing leaves nothing half done: the worker goes on', async () => {
    const a = await bench.device()
    const { id, step } = sagaOn(a, 3)
    const changes = [step(1, { data: { n: 1 } }), step(2, { data: { n: 2 } }), step(3, { data: refused })]
    await crashed(a, changes)
    expect(await bench.sagaRow(id)).toMatchObject({ state: 'compensating', toUndo: 2 })
    await lookAfterSagas(bench.engine)
    expect(await bench.sagaRow(id)).toMatchObject({ state: 'compensated', toUndo: 0 })
    for (const { record_id } of changes.slice(0, 2)) expect((await bench.historyOf(record_id)).length).toBe(2)
  })

  test('many that undo at once undo each step once', async () => {
    const a = await bench.device()
    const { id, step } = sagaOn(a, 5)
    const changes = [1, 2, 3, 4].map((n) => step(n, { data: { n } }))
    await crashed(a, [...changes, step(5, { data: refused })])
    await Promise.all(Array.from({ length: 4 }, () => undoSaga(bench.engine, id, 'trace')))
    expect((await bench.sagaRow(id)).state).toBe('compensated')
    for (const { record_id } of changes) expect(await bench.historyOf(record_id)).toHaveLength(2)
  })

  test('an edit between the set-back and the undoing is kept', async () => {
    const a = await bench.device()
    const shared = await bench.made({ a: 1, b: 1 })
    const { step } = sagaOn(a, 2)
    await crashed(a, [
      step(1, { operation: 'UPDATE', record_id: shared.id, base_version: 1, data: { a: 2, b: 1 } }),
      step(2, { data: refused }),
    ])
    await shared.edit(2, { a: 2, b: 9 })
    await lookAfterSagas(bench.engine)
    expect((await bench.recordOf(shared.id)).data).toEqual({ a: 1, b: 9 })
  })

  test('where the same field was edited since, a person decides; the other steps are undone, and it ends with that', async () => {
    const a = await bench.device()
    const [clashing, plain] = [await bench.made({ a: 1 }), await bench.made({ a: 1 })]
    const { id, step } = sagaOn(a, 3)
    const on = (record: { id: string }) =>
      ({ operation: 'UPDATE', record_id: record.id, base_version: 1, data: { a: 2 } }) as const
    await a.send([step(1, on(plain)), step(2, on(clashing))])
    await clashing.edit(2, { a: 3 })
    await a.send([step(3, { data: refused })])
    expect(await bench.sagaRow(id)).toMatchObject({ state: 'stuck', blocked: 1 })
    expect((await bench.recordOf(plain.id)).data).toEqual({ a: 1 })
    expect((await bench.recordOf(clashing.id)).data).toEqual({ a: 3 })
    const [, blocked] = await bench.stepsOf(id)
    expect(blocked).toMatchObject({ undo: 'conflict' })
    expect(await bench.db.conflict.findUnique({ where: { id: blocked!.undoConflictId! } })).toMatchObject({
      ...{ state: 'open', baseData: { a: 2 }, clientData: { a: 1 }, serverData: { a: 3 }, fields: ['a'] },
    })
    await lookAfterSagas(bench.engine)
    expect((await bench.sagaRow(id)).state).toBe('stuck')
    await bench.db.conflict.update({
      where: { id: blocked!.undoConflictId! },
      data: { state: 'resolved' },
    })
    await lookAfterSagas(bench.engine)
    expect((await bench.sagaRow(id)).state).toBe('compensated')
    const { undoConflictId, undoOpId } = blocked!
    expect((await bench.stepsOf(id))[1]).toMatchObject({ undo: 'settled', undoConflictId, undoOpId })
  })

  test('a person’s resolution of its last conflict ends it at once', async () => {
    const a = await bench.device()
    const shared = await bench.made({ a: 1 })
    const { id, step } = sagaOn(a, 2)
    await a.send([step(1, { operation: 'UPDATE', record_id: shared.id, base_version: 1, data: { a: 2 } })])
    await shared.edit(2, { a: 3 })
    await a.send([step(2, { data: refused })])
    const [blocked] = await bench.stepsOf(id)
    const conflictId = blocked!.undoConflictId!
    expect((await getConflict(admin, conflictId)).saga).toEqual({ id, step: 1, undoes: true })
    await resolveConflict(admin, {
      ...{ id: conflictId, seen: { conflict: 1, record: 3 }, choice: 'client', data: undefined },
      ...{ reason: 'as it was', traceId: 't' },
    })
    expect((await bench.recordOf(shared.id)).data).toEqual({ a: 1 })
    expect(await bench.sagaRow(id)).toMatchObject({ state: 'compensated', blocked: 0 })
    // The step is settled and names its conflict no more; the conflict goes on naming the saga.
    expect((await getConflict(admin, conflictId)).saga).toEqual({ id, step: 1, undoes: true })
  })

  test('a saga that is not complete in time is told and undone; what comes later is aborted', async () => {
    const a = await bench.device()
    const { id, step } = sagaOn(a, 3)
    const first = step(1)
    await a.send([first])
    await lookAfterSagas(bench.engine)
    expect((await bench.sagaRow(id)).state).toBe('running')
    await bench.db.setting.upsert({
      ...{
        where: { key: 'saga_timeout' },
        create: { key: 'saga_timeout', value: 3_600 },
        update: { value: 3_600 },
      },
    })
    await bench.db.saga.update({ where: { id }, data: { progressedAt: new Date(Date.now() - 3_601_000) } })
    await lookAfterSagas(bench.engine)
    expect(await bench.sagaRow(id)).toMatchObject({ state: 'compensated', cause: 'timed_out' })
    expect(
      await bench.db.audit.findFirst({ where: { action: 'saga.time_out', targetId: id } }),
    ).not.toBeNull()
    expect((await a.send([step(2)])).rejected[0]).toMatchObject({ code: 'saga_aborted' })
    expect((await bench.historyOf(first.record_id)).map(({ effect }) => effect)).toEqual(['UPSERT', 'DELETE'])
  })

  test('a step whose earlier one never comes does not wait for ever', async () => {
    const a = await bench.device()
    const { id, step } = sagaOn(a, 2)
    const second = step(2)
    await a.send([second])
    await bench.db.saga.update({ where: { id }, data: { progressedAt: new Date(0) } })
    await lookAfterSagas(bench.engine)
    expect((await a.send([second])).rejected[0]).toMatchObject({ code: 'saga_aborted', retryable: false })
  })
})
