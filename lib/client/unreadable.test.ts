import { describe, expect, test } from 'vitest'
import { createBench } from './testing/bench.ts'

const T = 'inspections'
const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

describe('an operation whose name was damaged on its way', () => {
  test('goes again in its place', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    bench.server.refusals.set(id(2), [{ code: 'unreadable', retryable: false }])
    for (const n of [1, 2, 3]) await device.put({ table: T, id: id(n), data: { n } })
    expect(await device.sync()).toMatchObject({ outcome: 'complete', accepted: 3, rejected: 0 })
    expect(bench.server.requests.at(-1)?.body['changes']).toMatchObject([{ seq: 2, record_id: id(2) }])
    expect(await device.deadLetters()).toEqual([])
  })

  test('is given up and reported where it never arrives whole', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    const unreadable = () => ({ code: 'unreadable', retryable: false })
    bench.server.refusals.set(id(1), Array.from({ length: 5 }, unreadable))
    await device.put({ table: T, id: id(1), data: { n: 1 } })
    expect(await device.sync()).toMatchObject({ outcome: 'complete', rejected: 1 })
    await device.sync()
    expect(await device.deadLetters()).toMatchObject([
      { code: 'retries_exceeded', attempts: 5, isReported: true },
    ])
    expect(bench.server.reportedDeadLetters).toHaveLength(1)
  })
})
