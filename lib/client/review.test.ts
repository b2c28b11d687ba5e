import type { JsonObject } from '#lib/core/json.ts'
import type { Change } from '#lib/protocol/sync.ts'
import { describe, expect, test } from 'vitest'
import { createBench } from './testing/bench.ts'
import { crashAtEveryWrite } from './testing/crash.ts'

const T = 'inspections'
const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

/** A device with one synced record, and a server on which nobody wins by being later. */
async function oneRecord() {
  const bench = createBench()
  bench.server.strategies = { [T]: 'manual' }
  bench.server.write(T, id(1), { n: 1 })
  const { device, store } = await bench.device()
  await device.sync()
  return { bench, device, store }
}

describe('a scope that is taken away', () => {
  test('takes its records along; edits of them wait, and go back when it is given back', async () => {
    const { bench, device } = await oneRecord()
    bench.server.revoke('default')
    bench.server.faults.push('lose_reply')
    await device.put({ table: T, id: id(1), data: { n: 2 } })
    await device.sync()
    expect(await device.list({ table: T })).toEqual([])
    expect(await device.overview()).toMatchObject({ pending: 0 })
    expect(await device.deadLetters()).toEqual([])
    expect(await device.review()).toMatchObject([{ id: id(1), data: { n: 2 }, reason: 'scope_forbidden' }])
    bench.server.grant('default')
    await device.sync()
    expect(await device.review()).toEqual([])
    expect(bench.server.state(T, id(1))?.data).toEqual({ n: 2 })
    expect(await device.get({ table: T, id: id(1) })).toMatchObject({ data: { n: 2 }, syncStatus: 'synced' })
  })

  test('an edit that comes back is concurrent with what others did meanwhile', async () => {
    const { bench, device } = await oneRecord()
    // The first edit is on its way when the record leaves; the second one was never sent.
    await device.put({ table: T, id: id(1), data: { n: 'first' } })
    bench.server.refusals.set(id(1), [{ code: 'throttled', retryable: true }])
    bench.server.faults.push('none', { status: 401, code: 'unauthenticated' })
    await device.sync()
    await device.put({ table: T, id: id(1), data: { n: 'mine' } })
    bench.clock.ms += 600_000
    bench.server.leave(T, id(1))
    await device.sync()
    expect(await device.review()).toMatchObject([{ reason: 'left_scope', data: { n: 'mine' } }])
    bench.server.write(T, id(1), { n: 'theirs' })
    expect(await device.sync()).toMatchObject({ outcome: 'complete', conflicts: 1 })
    expect(bench.server.state(T, id(1))?.data).toEqual({ n: 'theirs' })
    expect(await device.conflicts()).toMatchObject([{ mine: { n: 'mine' }, serverData: { n: 'theirs' } }])
  })

  test('what was created there waits, too, and can be given up or sent by hand', async () => {
    const { bench, device } = await oneRecord()
    bench.server.revoke('default')
    await device.sync()
    for (const n of [2, 3, 4]) {
      bench.clock.ms += 1000
      await device.put({ table: T, id: id(n), data: { n } })
      await device.sync()
    }
    const [two, three] = await device.review()
    expect(await device.review()).toHaveLength(3)
    await device.dismissReview(two?.opId ?? '')
    expect(await device.restoreReview(three?.opId ?? '')).toBe(true)
    expect(await device.overview()).toMatchObject({ pending: 1 })
    bench.server.grant('default')
    await device.sync()
    expect([2, 3, 4].map((n) => bench.server.state(T, id(n))?.data)).toEqual([undefined, { n: 3 }, { n: 4 }])
    expect(await device.review()).toEqual([])
  })

  test('the steps of a saga go back in their order, though they were made in the same millisecond', async () => {
    const { bench, device } = await oneRecord()
    bench.server.revoke('default')
    const { sagaId } = await device.saga(
      [1, 2, 3, 4, 5, 6].map((n) => ({ table: T, id: id(n), data: { n: -n } })),
    )
    await device.sync()
    expect((await device.review()).map(({ edit }) => edit.saga?.step)).toEqual([1, 2, 3, 4, 5, 6])
    bench.server.grant('default')
    await device.sync()
    const sent = bench.server.requests.flatMap(({ body }) => body['changes'] ?? [])
    expect(sent.slice(-6)).toMatchObject([1, 2, 3, 4, 5, 6].map((step) => ({ saga: { id: sagaId, step } })))
    expect(await device.overview()).toMatchObject({ pending: 0 })
  })

  test.for([1000, -3_600_000])(
    'leaves a newer edit of the device as it is, and the old one for somebody to decide (clock %i ms on)',
    async (ms) => {
      const { bench, device } = await oneRecord()
      bench.server.revoke('default')
      await device.put({ table: T, id: id(1), data: { n: 'old' } })
      await device.sync()
      bench.clock.ms += ms
      bench.server.grant('default')
      await device.put({ table: T, id: id(1), data: { n: 'new' } })
      bench.server.refusals.set(id(1), [{ code: 'throttled', retryable: true }])
      await device.sync()
      expect(await device.review()).toMatchObject([{ data: { n: 'old' } }])
      expect(await device.get({ table: T, id: id(1) })).toMatchObject({ data: { n: 'new' } })
    },
  )

  test('keeps an edit that was refused as stale: nobody else has it', async () => {
    const { bench, device } = await oneRecord()
    bench.server.strategies = { [T]: 'fww' }
    bench.server.write(T, id(1), { n: 'theirs' })
    await device.put({ table: T, id: id(1), data: { n: 'mine' } })
    await device.sync()
    bench.server.leave(T, id(1))
    await device.sync()
    expect(await device.review()).toMatchObject([{ reason: 'left_scope', data: { n: 'mine' } }])
  })

  test('comes back by a full sync as well', async () => {
    const { bench, device } = await oneRecord()
    bench.server.revoke('default')
    await device.put({ table: T, id: id(1), data: { n: 2 } })
    await device.put({ table: T, id: id(2), data: { n: 3 } })
    await device.sync()
    expect(await device.review()).toHaveLength(2)
    bench.server.grant('default')
    bench.server.minPosition = bench.server.feed.length
    await device.sync()
    expect(await device.review()).toEqual([])
    expect([1, 2].map((n) => bench.server.state(T, id(n))?.data)).toEqual([{ n: 2 }, { n: 3 }])
  })

  test('loses no edit wherever the device dies', async () => {
    const points = await crashAtEveryWrite({
      async prepare(bench) {
        for (const n of [1, 2]) bench.server.write(T, id(n), { n })
        const { device, store } = await bench.device({ seed: 1 })
        await device.sync()
        for (const n of [1, 2, 3]) await device.put({ table: T, id: id(n), data: { n: n * 10 } })
        bench.server.revoke('default')
        return store
      },
      async act(device, bench) {
        await device.sync()
        bench.server.grant('default')
        await device.sync()
      },
      async check(bench, device) {
        bench.server.grant('default')
        await device.sync()
        await device.sync()
        expect([1, 2, 3].map((n) => bench.server.state(T, id(n))?.data)).toEqual(
          [10, 20, 30].map((n) => ({ n })),
        )
        expect(await device.review()).toEqual([])
        expect(await device.overview()).toMatchObject({ pending: 0 })
      },
    })
    expect(points).toBeGreaterThan(4)
  })
})

describe('an edit that a person hands back', () => {
  const ref = { table: T, id: id(1) }

  /** A device whose edit of a field was refused with its scope, and that has a newer edit of the record since. */
  async function overNewer(strategy: 'crdt' | 'manual', newer: JsonObject) {
    const bench = createBench()
    bench.server.strategies = { [T]: strategy }
    bench.server.write(T, id(1), { a: 0, b: 0 })
    const { device } = await bench.device()
    await device.sync()
    bench.server.revoke('default')
    await device.patch(ref, { set: { a: 'old' } })
    await device.sync()
    bench.server.grant('default')
    // Made before the record is back, and still waiting then, it keeps the old edit from going by itself.
    bench.server.refusals.set(id(1), [{ code: 'throttled', retryable: true }])
    await device.put({ ...ref, data: { a: 0, b: 0 } })
    await device.sync()
    await device.sync()
    await device.put({ ...ref, data: newer })
    const [item] = await device.review()
    expect(item).toMatchObject({ data: { a: 'old', b: 0 } })
    return { bench, device, opId: item?.opId ?? '' }
  }

  test('takes nothing away of a newer one: it is merged with it as the older edit that it is', async () => {
    const { bench, device, opId } = await overNewer('crdt', { a: 0, b: 'new' })
    expect(await device.restoreReview(opId)).toBe(true)
    await device.sync()
    expect(await device.sync()).toMatchObject({ outcome: 'complete' })
    expect(bench.server.state(T, id(1))?.data).toEqual({ a: 'old', b: 'new' })
    expect(await device.get(ref)).toMatchObject({ data: { a: 'old', b: 'new' }, syncStatus: 'synced' })
  })

  test('is in conflict with a newer one of the same field, and that stands', async () => {
    const { bench, device, opId } = await overNewer('manual', { a: 'new', b: 0 })
    await device.restoreReview(opId)
    await device.sync()
    await device.sync()
    expect(bench.server.state(T, id(1))?.data).toEqual({ a: 'new', b: 0 })
    expect(await device.conflicts()).toMatchObject([{ mine: { a: 'old', b: 0 } }])
  })

  test('brings with it what it was made on, and stands on that', async () => {
    const { bench, device } = await oneRecord()
    bench.server.refusals.set(id(1), [{ code: 'throttled', retryable: true }])
    bench.server.faults.push('none', { status: 401, code: 'unauthenticated' })
    await device.put({ ...ref, data: { n: 'first' } })
    await device.sync()
    await device.put({ ...ref, data: { n: 'second' } })
    bench.server.revoke('default')
    await device.sync()
    const [first, second] = await device.review()
    expect([first, second]).toMatchObject([{ data: { n: 'first' } }, { data: { n: 'second' } }])
    bench.server.grant('default')
    await device.restoreReview(second?.opId ?? '')
    expect(await device.review()).toEqual([])
    await device.sync()
    await device.sync()
    const [one, two] = bench.server.requests
      .flatMap(({ body }) => (body['changes'] ?? []) as Change[])
      .slice(-2)
    expect([one, two]).toMatchObject([
      { data: { n: 'first' } },
      { data: { n: 'second' }, base_op_id: one?.op_id },
    ])
    expect(bench.server.state(T, id(1))?.data).toEqual({ n: 'second' })
  })
})
