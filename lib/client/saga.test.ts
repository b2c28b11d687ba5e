import { describe, expect, test } from 'vitest'
import { changeSchema } from '#lib/protocol/sync.ts'
import { createBench } from './testing/bench.ts'

const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
type Bench = ReturnType<typeof createBench>

/** The changes of every request that carried some, with the schema version it said. */
function pushes(bench: Bench) {
  return bench.server.requests
    .filter(({ path }) => path === '/api/v1/sync')
    .map(({ body }) => ({
      schemaVersion: body['schema_version'],
      changes: changeSchema.array().parse(body['changes']),
    }))
    .filter(({ changes }) => changes.length > 0)
}

const steps = (bench: Bench) =>
  pushes(bench).flatMap(({ changes }) => changes.flatMap(({ saga }) => saga?.step ?? []))

describe('a saga', () => {
  test('goes out in order, step by step named, whatever lanes its tables have', async () => {
    const bench = createBench()
    bench.server.priorities = { slow: 'bulk', fast: 'critical' }
    const { device } = await bench.device()
    await device.put({ table: 'other', id: id(9), data: { n: 9 } })
    const { sagaId, records } = await device.saga([
      { table: 'slow', id: id(1), data: { n: 1 } },
      { table: 'fast', id: id(2), data: { n: 2 } },
      { table: 'slow', id: id(1), data: null },
    ])
    expect(records).toMatchObject([undefined, { id: id(2) }, undefined])
    await device.sync()
    expect(steps(bench)).toEqual([1, 2, 3])
    expect(pushes(bench)[0]?.changes[0]).toMatchObject({ saga: { id: sagaId, step: 1, steps: 3 } })
    expect(await device.overview()).toMatchObject({ pending: 0 })
    expect(bench.server.state('slow', id(1))?.data).toBeNull()
  })

  test('a step that becomes urgent takes the earlier ones along, and what stands before those', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    await device.put({ table: 't', id: id(1), data: { n: 0 }, priority: 'bulk' })
    await device.saga(
      [
        { table: 't', id: id(1), data: { n: 1 } },
        { table: 't', id: id(2), data: { n: 2 } },
      ],
      { priority: 'bulk' },
    )
    await device.put({ table: 't', id: id(5), data: { n: 5 } })
    await device.put({ table: 't', id: id(2), data: { n: 3 }, priority: 'critical' })
    await device.sync()
    expect(pushes(bench).flatMap(({ changes }) => changes.map((each) => each.record_id))).toEqual(
      [1, 1, 2, 2, 5].map(id),
    )
  })

  test('an edit after a step is an operation of its own, and a step takes over no edit', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    await device.put({ table: 't', id: id(1), data: { n: 0 } })
    await device.saga([{ table: 't', id: id(1), data: { n: 1 } }])
    await device.put({ table: 't', id: id(1), data: { n: 2 } })
    expect(await device.overview()).toMatchObject({ pending: 3 })
    await device.sync()
    expect(bench.server.effects).toHaveLength(3)
    expect(await device.get({ table: 't', id: id(1) })).toMatchObject({ data: { n: 2 }, serverVersion: 3 })
  })

  test('that is called off: later steps are dead letters, and the undoing of the earlier ones arrives', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    bench.server.refusals.set(id(2), [{ code: 'business_rule', retryable: false }])
    bench.server.refusals.set(id(3), [{ code: 'saga_aborted', retryable: false }])
    await device.saga([1, 2, 3].map((n) => ({ table: 't', id: id(n), data: { n } })))
    await device.sync()
    bench.server.write('t', id(1), null)
    await device.sync()
    expect(await device.list({ table: 't' })).toEqual([])
    const codes = (await device.deadLetters()).map(({ code }) => code)
    expect(codes.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(['business_rule', 'saga_aborted'])
  })

  test('a step refused for now holds the later ones back, and nothing else', async () => {
    const bench = createBench()
    bench.server.chunkChanges = 1
    const { device } = await bench.device()
    bench.server.refusals.set(id(1), [{ code: 'throttled', retryable: true }])
    await device.saga([1, 2].map((n) => ({ table: 't', id: id(n), data: { n } })))
    await device.put({ table: 't', id: id(3), data: { n: 3 } })
    await device.sync()
    expect(pushes(bench).map(({ changes }) => changes[0]?.record_id)).toEqual([1, 3, 1, 2].map(id))
  })

  test('with a step that changes nothing is not begun', async () => {
    const { device } = await createBench().device()
    await device.put({ table: 't', id: id(2), data: { n: 2 } })
    const edits = [1, 2].map((n) => ({ table: 't', id: id(n), data: { n } }))
    await expect(device.saga(edits)).rejects.toMatchObject({ code: 'empty_step' })
    expect(await device.get({ table: 't', id: id(1) })).toBeUndefined()
  })
})

describe('another version of the app', () => {
  test('sends what the old one made as of the old schema, in requests of its own', async () => {
    const bench = createBench()
    const { device, store } = await bench.device({ policy: { schemaVersion: 1 } })
    for (const n of [1, 2]) await device.put({ table: 't', id: id(n), data: { n } })
    const updated = (await bench.device({ store, policy: { schemaVersion: 2 } })).device
    await updated.put({ table: 't', id: id(3), data: { n: 3 } })
    await updated.patch({ table: 't', id: id(2) }, { set: { m: 2 } })
    await updated.sync()
    expect(
      pushes(bench).map(({ schemaVersion, changes }) => [
        schemaVersion,
        changes.map((each) => each.record_id),
      ]),
    ).toEqual([
      [1, [id(1)]],
      [2, [id(2), id(3)]],
    ])
  })

  test('a dead letter of the old schema goes again as it was, or corrected as of the new', async () => {
    const bench = createBench()
    const { device, store } = await bench.device({ policy: { schemaVersion: 1 } })
    for (const n of [1, 2]) {
      bench.server.refusals.set(id(n), [{ code: 'schema_version_unsupported', retryable: false }])
      await device.put({ table: 't', id: id(n), data: { n } })
    }
    await device.sync()
    const updated = (await bench.device({ store, policy: { schemaVersion: 2 } })).device
    const [one, two] = await updated.deadLetters()
    await updated.retryDeadLetter(one?.operation.opId ?? '')
    await updated.retryDeadLetter(two?.operation.opId ?? '', { n: 2, m: 2 })
    await updated.sync()
    expect(pushes(bench).map(({ schemaVersion }) => schemaVersion)).toEqual([1, 1, 2])
  })

  test('fields it does not know survive a patch', async () => {
    const bench = createBench()
    bench.server.write('t', id(1), { known: 1, fromNewerApp: { deep: true }, old: 0 })
    const { device } = await bench.device()
    await device.sync()
    await device.patch({ table: 't', id: id(1) }, { set: { known: 2 }, unset: ['old'] })
    await device.sync()
    expect(bench.server.state('t', id(1))?.data).toEqual({ known: 2, fromNewerApp: { deep: true } })
    await expect(device.patch({ table: 't', id: id(7) }, {})).rejects.toMatchObject({
      code: 'no_such_record',
    })
  })
})
