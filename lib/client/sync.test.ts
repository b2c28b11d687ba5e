import { describe, expect, test } from 'vitest'
import { DEFAULT_BREAKER } from '#lib/core/breaker.ts'
import { createBench } from './testing/bench.ts'
import { pushes } from './testing/pushes.ts'

const T = 'inspections'
const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
const ID = id(10)

describe('sending', () => {
  test('in chunks, with seqs without gaps', async () => {
    const bench = createBench()
    bench.server.chunkChanges = 3
    const { device } = await bench.device()
    for (let n = 1; n <= 7; n++) await device.put({ table: T, id: id(n), data: { n } })
    expect(await device.sync()).toMatchObject({ accepted: 7, requests: 3 })
    expect(pushes(bench.server).map((chunk) => chunk.map((change) => change.seq))).toEqual([
      [1, 2, 3],
      [4, 5, 6],
      [7],
    ])
  })

  test('the requests of one sync name it, and the next sync is another', async () => {
    const bench = createBench()
    bench.server.chunkChanges = 3
    const { device } = await bench.device()
    const named = () =>
      bench.server.requests
        .filter(({ path }) => path === '/api/v1/sync')
        .map(({ body }) => JSON.stringify(body['sync_id']))
    for (let n = 1; n <= 7; n++) await device.put({ table: T, id: id(n), data: { n } })
    await device.sync()
    const first = named()
    expect(first).toHaveLength(3)
    expect(new Set(first).size).toBe(1)
    await device.sync()
    expect(named()).toHaveLength(4)
    expect(new Set(named()).size).toBe(2)
  })

  test('a chunk ends before its bytes exceed the limit', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    for (let n = 1; n <= 5; n++) await device.put({ table: T, id: id(n), data: { text: 'x'.repeat(40_000) } })
    await device.sync()
    expect(pushes(bench.server).map((chunk) => chunk.length)).toEqual([2, 2, 1])
  })

  test('critical before normal before bulk, never in one request', async () => {
    const bench = createBench()
    bench.server.priorities = { alarms: 'critical', analytics: 'bulk' }
    const { device } = await bench.device()
    await device.put({ table: 'analytics', id: id(1), data: { n: 1 } })
    await device.put({ table: T, id: id(2), data: { n: 2 } })
    await device.put({ table: 'alarms', id: id(3), data: { n: 3 } })
    await device.put({ table: T, id: id(4), data: { n: 4 }, priority: 'critical' })
    await device.sync()
    const order = pushes(bench.server).map((chunk) => chunk.map((change) => change.record_id))
    expect(order).toEqual([[id(3), id(4)], [id(2)], [id(1)]])
  })

  test('an edit on top of one that is under way names it as its base', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    await device.put({ table: T, id: ID, data: { a: 1 } })
    bench.server.faults.push('lose_reply')
    const failing = device.sync()
    await device.put({ table: T, id: id(1), data: { n: 1 } })
    await new Promise<void>((resolve) => {
      const unsubscribe = device.subscribe((event) => {
        if (event.kind !== 'transition' || event.to !== 'RETRYING') return
        unsubscribe()
        resolve(device.put({ table: T, id: ID, data: { a: 2 } }).then(() => undefined))
      })
    })
    await failing
    await device.sync()
    const all = pushes(bench.server).flat()
    const [first] = all
    const second = all.find((change) => change.record_id === ID && change.operation === 'UPDATE')
    expect(second).toMatchObject({ base_op_id: first?.op_id, base_version: 0 })
    expect(bench.server.state(T, ID)).toMatchObject({ version: 2, data: { a: 2 } })
    expect(bench.server.effects).toHaveLength(3)
  })
})

describe('answers that do not come', () => {
  test.each(['lose_request', 'lose_reply', 'truncate', 'hang'] as const)(
    '%s: the same operation goes again under the same id and seq, and takes effect once',
    async (fault) => {
      const bench = createBench()
      const { device } = await bench.device()
      await device.put({ table: T, id: ID, data: { a: 1 } })
      bench.server.faults.push(fault)
      expect(await device.sync()).toMatchObject({ outcome: 'complete', accepted: 1, retries: 1 })
      const keys = pushes(bench.server).map((chunk) => chunk.map(({ op_id, seq }) => ({ op_id, seq })))
      for (const each of keys) expect(each).toEqual(keys[0])
      expect(bench.server.effects).toHaveLength(1)
      expect(await device.get({ table: T, id: ID })).toMatchObject({ syncStatus: 'synced', serverVersion: 1 })
    },
  )

  test('an answer that leaves out an operation: only that one goes again', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    await device.put({ table: T, id: id(1), data: { n: 1 } })
    await device.put({ table: T, id: id(2), data: { n: 2 } })
    bench.server.faults.push('forget_one')
    expect(await device.sync()).toMatchObject({ outcome: 'complete', retries: 1 })
    expect(pushes(bench.server).map((chunk) => chunk.map((change) => change.seq))).toEqual([[1, 2], [2]])
    expect(bench.server.effects).toHaveLength(2)
  })

  test('waits with full jitter, and gives up after the last retry with everything kept', async () => {
    const bench = createBench()
    const backoff = { baseDelayMs: 100, maxDelayMs: 1000, maxRetries: 4 }
    const { device } = await bench.device({
      policy: { backoff, breaker: { ...DEFAULT_BREAKER, minSamples: 9 } },
    })
    await device.put({ table: T, id: ID, data: { a: 1 } })
    bench.server.faults.push(...Array.from({ length: 5 }, () => 'lose_request' as const))
    const report = await device.sync()
    expect(report).toMatchObject({ outcome: 'failed', failure: { code: 'network' }, retries: 4 })
    expect(await device.overview()).toMatchObject({ state: 'FAILED', pending: 1 })
    for (const [attempt, delay] of bench.clock.waited.entries()) {
      expect(delay).toBeLessThan(Math.min(1000, 100 * 2 ** attempt))
    }
    expect(await device.sync()).toMatchObject({ outcome: 'complete', accepted: 1 })
  })

  test.each([
    ['retry_after_ms of the problem', { status: 429, code: 'throttled', retryAfterMs: 5000 }, 5000],
    ['Retry-After of a proxy', { status: 503, header: '7' }, 7000],
  ])('keeps to %s', async (_, fault, atLeastMs) => {
    const bench = createBench()
    const { device } = await bench.device({
      policy: { backoff: { baseDelayMs: 10, maxDelayMs: 10, maxRetries: 3 } },
    })
    bench.server.faults.push(fault)
    expect(await device.sync()).toMatchObject({ outcome: 'complete', retries: 1 })
    expect(bench.clock.waited[0]).toBeGreaterThanOrEqual(atLeastMs)
    expect(bench.clock.waited[0]).toBeLessThan(atLeastMs + 10)
  })

  test.each([
    [400, 'malformed', 'invalid_request'],
    [401, 'unauthenticated', 'unauthenticated'],
    [403, 'device_revoked', 'device_revoked'],
    [422, 'invalid_request', 'invalid_request'],
    [426, 'protocol_unsupported', 'protocol_unsupported'],
  ])('%i %s is not tried again', async (status, code, failure) => {
    const bench = createBench()
    const { device } = await bench.device()
    await device.put({ table: T, id: ID, data: { a: 1 } })
    bench.server.faults.push({ status, code })
    expect(await device.sync()).toMatchObject({ outcome: 'failed', failure: { code: failure }, requests: 1 })
    expect(await device.overview()).toMatchObject({ state: 'FAILED', pending: 1 })
  })

  test('the breaker opens on a dead server; the next retry is its probe, and waits for it', async () => {
    const bench = createBench()
    const breaker = { ...DEFAULT_BREAKER, minSamples: 4, cooldownMs: 30_000 }
    const backoff = { baseDelayMs: 1, maxDelayMs: 1, maxRetries: 3 }
    const { device } = await bench.device({ policy: { breaker, backoff } })
    bench.server.faults.push(...Array.from({ length: 4 }, () => ({ status: 500, code: 'internal' })))
    expect(await device.sync()).toMatchObject({ outcome: 'failed', failure: { code: 'server_error' } })
    expect(bench.clock.waited).toEqual([0, 0, 30_000])
    expect(await device.overview()).toMatchObject({ breaker: 'open', state: 'FAILED' })
    expect(await device.sync()).toMatchObject({ outcome: 'complete' })
    expect(bench.clock.waited.at(-1)).toBe(60_000)
    expect(await device.overview()).toMatchObject({ breaker: 'closed' })
  })

  test('a request that is too large is halved until it fits', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    for (let n = 1; n <= 8; n++) await device.put({ table: T, id: id(n), data: { text: 'x'.repeat(1000) } })
    bench.server.maxBodyLength = 6000
    expect(await device.sync()).toMatchObject({ outcome: 'complete', accepted: 8 })
    expect(Math.max(...pushes(bench.server).map((chunk) => chunk.length))).toBe(8)
    expect(bench.server.effects).toHaveLength(8)
  })

  test('a change that no request can carry is given up alone', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    await device.put({ table: T, id: id(1), data: { text: 'x'.repeat(20_000) } })
    await device.put({ table: T, id: id(2), data: { n: 2 } })
    bench.server.maxBodyLength = 10_000
    expect(await device.sync()).toMatchObject({ outcome: 'complete', accepted: 1 })
    expect(await device.deadLetters()).toMatchObject([{ code: 'record_too_large', operation: { id: id(1) } }])
    expect(bench.server.state(T, id(2))).toMatchObject({ data: { n: 2 } })
  })
})

describe('holes', () => {
  test('a wrong clock is corrected, the stamp renewed, the operation sent again as itself', async () => {
    const bench = createBench()
    const { device } = await bench.device({ clockOffsetMs: 3_600_000 })
    await device.put({ table: T, id: ID, data: { a: 1 } })
    await device.put({ table: T, id: id(1), data: { n: 1 } })
    expect(await device.sync()).toMatchObject({ outcome: 'complete', accepted: 2 })
    const [first = [], second = []] = pushes(bench.server)
    expect(second.map(({ op_id, seq }) => ({ op_id, seq }))).toEqual(
      first.map(({ op_id, seq }) => ({ op_id, seq })),
    )
    expect(second.every((change, index) => change.hlc < (first[index]?.hlc ?? ''))).toBe(true)
    expect(second[0]?.hlc.localeCompare(second[1]?.hlc ?? '')).toBe(-1)
    // From now on stamps are right at once, and edits stamped before the correction are renewed.
    await device.put({ table: T, id: id(2), data: { n: 2 } })
    expect(await device.sync()).toMatchObject({ accepted: 1, requests: 1 })
    expect(bench.server.requests.at(-1)?.body['device_time']).toBe(
      new Date(bench.clock.ms + 3_600_000).toISOString(),
    )
  })

  test('a checksum the server could not confirm is computed afresh', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    await device.put({ table: T, id: ID, data: { a: 1 } })
    bench.server.refusals.set(ID, [{ code: 'checksum_mismatch', retryable: true }])
    expect(await device.sync()).toMatchObject({ outcome: 'complete', accepted: 1, requests: 2 })
  })

  test('others go on; what touches the same record waits with the hole', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    await device.put({ table: T, id: ID, data: { a: 1 } })
    bench.server.faults.push('lose_reply')
    bench.server.refusals.set(ID, [
      { code: 'throttled', retryable: true },
      { code: 'throttled', retryable: true },
    ])
    const running = device.sync()
    await device.put({ table: T, id: id(1), data: { n: 1 } })
    expect(await running).toMatchObject({ outcome: 'complete' })
    expect(bench.server.state(T, ID)).toMatchObject({ data: { a: 1 } })
    expect(await device.overview()).toMatchObject({ pending: 0 })
    const seqs = new Map(
      pushes(bench.server)
        .flat()
        .map((change) => [change.op_id, change.seq]),
    )
    expect([...seqs.values()].toSorted((a, b) => a - b)).toEqual([1, 2])
  })

  test('a new edit does not wait with a hole', async () => {
    const bench = createBench()
    const backoff = { baseDelayMs: 3_600_000, maxDelayMs: 3_600_000, maxRetries: 3 }
    const { device } = await bench.device({ policy: { backoff } })
    await device.put({ table: T, id: ID, data: { a: 1 } })
    bench.server.refusals.set(ID, [{ code: 'throttled', retryable: true }])
    const untilPushed = new Promise<number>((resolve) => {
      device.subscribe((event) => {
        if (event.kind === 'transition' && event.to === 'RETRYING') {
          void device.put({ table: T, id: id(1), data: { n: 1 } })
        }
        if (event.kind === 'answered' && event.answers[0]?.id === id(1)) resolve(bench.clock.ms)
      })
    })
    const startedMs = bench.clock.ms
    const running = device.sync()
    expect((await untilPushed) - startedMs).toBeLessThan(1000)
    expect(await running).toMatchObject({ outcome: 'complete', accepted: 2 })
    expect(bench.clock.ms - startedMs).toBeGreaterThan(60_000)
  })

  test('waiting for another operation costs no attempt', async () => {
    const bench = createBench()
    const { device } = await bench.device({ policy: { maxAttempts: 3 } })
    await device.put({ table: T, id: ID, data: { a: 1 } })
    bench.server.refusals.set(
      ID,
      Array.from({ length: 6 }, () => ({ code: 'dependency_pending', retryable: true })),
    )
    expect(await device.sync()).toMatchObject({ outcome: 'complete', accepted: 1, rejected: 0 })
  })

  test('after its last attempt an operation is given up, told to the server, and kept', async () => {
    const bench = createBench()
    const { device } = await bench.device({ policy: { maxAttempts: 3 } })
    await device.put({ table: T, id: ID, data: { a: 1 } })
    bench.server.refusals.set(
      ID,
      Array.from({ length: 3 }, () => ({ code: 'throttled', retryable: true })),
    )
    expect(await device.sync()).toMatchObject({ outcome: 'complete', rejected: 1 })
    await device.sync()
    const [letter] = await device.deadLetters()
    expect(letter).toMatchObject({ code: 'retries_exceeded', attempts: 3, isReported: true })
    expect(bench.server.reportedDeadLetters).toEqual([letter?.operation.opId])
    expect(await device.get({ table: T, id: ID })).toBeUndefined()
    expect(await device.retryDeadLetter(letter?.operation.opId ?? '', { a: 2 })).toBe(true)
    await device.sync()
    expect(bench.server.state(T, ID)).toMatchObject({ data: { a: 2 } })
    expect(await device.deadLetters()).toEqual([])
  })
})

describe('refused for good', () => {
  test('the edit becomes a dead letter and the server’s state shows again', async () => {
    const bench = createBench()
    bench.server.write(T, ID, { a: 1 })
    const { device } = await bench.device()
    await device.sync()
    await device.put({ table: T, id: ID, data: { a: -1 } })
    bench.server.refusals.set(ID, [{ code: 'business_rule', retryable: false }])
    expect(await device.sync()).toMatchObject({ outcome: 'complete', rejected: 1 })
    expect(await device.get({ table: T, id: ID })).toMatchObject({ data: { a: 1 }, syncStatus: 'synced' })
    expect(await device.deadLetters()).toMatchObject([
      { code: 'business_rule', operation: { data: { a: -1 } }, isReported: true },
    ])
  })

  test('an edit chained to the refused one moves onto what that was made on', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    await device.put({ table: T, id: ID, data: { a: -1 } })
    bench.server.refusals.set(ID, [
      { code: 'throttled', retryable: true },
      { code: 'business_rule', retryable: false },
    ])
    const running = device.sync()
    await new Promise<void>((resolve) => {
      const unsubscribe = device.subscribe((event) => {
        if (event.kind !== 'transition' || event.to !== 'RETRYING') return
        unsubscribe()
        resolve(device.put({ table: T, id: ID, data: { a: 2 } }).then(() => undefined))
      })
    })
    expect(await running).toMatchObject({ outcome: 'complete', accepted: 1, rejected: 1 })
    const last = pushes(bench.server).flat().at(-1)
    expect(last).toMatchObject({ operation: 'CREATE', base_version: 0 })
    expect(last?.base_op_id).toBeUndefined()
    expect(bench.server.state(T, ID)).toMatchObject({ data: { a: 2 } })
  })
})
