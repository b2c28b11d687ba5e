import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { refused, sagaBench, sagaOn } from './testing/bench.ts'

let bench: Awaited<ReturnType<typeof sagaBench>>
beforeAll(async () => {
  bench = await sagaBench()
})
afterAll(() => bench.close())

describe('in order', () => {
  test('steps over tables, batches and days, and the saga is complete', async () => {
    const a = await bench.device()
    const { id, step } = sagaOn(a, 3)
    await a.send([step(1, { data: { n: 1 } }), step(2, { table: 'parts' })])
    expect(await bench.sagaRow(id)).toMatchObject({ state: 'running', applied: 2, endedAt: null })
    const reply = await a.send([step(3)])
    expect(reply.accepted).toHaveLength(1)
    expect(await bench.sagaRow(id)).toMatchObject({
      state: 'completed',
      applied: 3,
      tables: ['parts', 'things'],
    })
    expect((await bench.stepsOf(id)).map(({ state, afterVersion }) => [state, afterVersion])).toEqual(
      [1, 2, 3].map(() => ['applied', 1]),
    )
  })

  test('history names the saga of a step', async () => {
    const a = await bench.device()
    const { id, step } = sagaOn(a, 1)
    const change = step(1)
    await a.send([change])
    expect((await bench.historyOf(change.record_id))[0]?.rule).toMatchObject({
      strategy: 'merge',
      saga: { id, step: 1 },
    })
  })

  test('a step that comes before an earlier one waits, and is taken after it', async () => {
    const a = await bench.device()
    const { id, step } = sagaOn(a, 2)
    const second = step(2)
    expect((await a.send([second])).rejected[0]).toMatchObject({
      code: 'dependency_pending',
      retryable: true,
    })
    const first = step(1)
    const reply = await a.send([second, first])
    expect(reply.accepted.map(({ op_id }) => op_id)).toEqual([first.op_id])
    expect((await a.send([second])).accepted).toHaveLength(1)
    expect(await bench.sagaRow(id)).toMatchObject({ state: 'completed' })
  })

  test('a step that was damaged on its way holds the next one back, not the saga down', async () => {
    const a = await bench.device()
    const { id, step } = sagaOn(a, 2)
    const [first, second] = [step(1), step(2)]
    const reply = await a.send([{ ...first, checksum: '0'.repeat(64) }, second])
    expect(reply.rejected.map(({ code }) => code)).toEqual(['checksum_mismatch', 'dependency_pending'])
    expect((await a.send([first, second])).accepted).toHaveLength(2)
    expect(await bench.sagaRow(id)).toMatchObject({ state: 'completed' })
  })

  test.each([
    ['another number of steps', { step: 2, steps: 4 }, 'The saga has 3 steps; this change says 4.'],
    ['a step that another operation was', { step: 1, steps: 3 }, 'Step 1 of the saga was another operation.'],
    ['a step beyond the last', { step: 9, steps: 3 }, "Step 9 is beyond the saga's 3 steps."],
  ])('%s is refused alone, and the saga goes on', async (_, place, detail) => {
    const a = await bench.device()
    const { id, step } = sagaOn(a, 3)
    await a.send([step(1)])
    const reply = await a.send([a.change({ saga: { id, ...place } })])
    expect(reply.rejected).toMatchObject([{ code: 'invalid_change', detail, retryable: false }])
    expect((await a.send([step(2), step(3)])).accepted).toHaveLength(2)
    expect(await bench.sagaRow(id)).toMatchObject({ state: 'completed' })
  })

  test('nobody takes part in the saga of another device, nor ends it', async () => {
    const [a, b] = [await bench.device(), await bench.device()]
    const { id, step } = sagaOn(a, 2)
    await a.send([step(1)])
    for (const data of [{ n: 1 }, refused]) {
      const reply = await b.send([b.change({ data, saga: { id, step: 2, steps: 2 } })])
      expect(reply.rejected).toMatchObject([
        { code: 'invalid_change', detail: 'The saga belongs to another device.' },
      ])
    }
    expect((await a.send([step(2)])).accepted).toHaveLength(1)
  })
})

test('a saga of more steps than a request holds is refused', async () => {
  const a = await bench.device()
  const reply = await a.send([a.change({ saga: { id: sagaOn(a, 1).id, step: 1, steps: 1_001 } })])
  expect(reply.rejected[0]).toMatchObject({ code: 'invalid_change', errors: [{ pointer: '/saga/steps' }] })
})
