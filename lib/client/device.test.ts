import { describe, expect, test } from 'vitest'
import {
  createDevice,
  createMemoryStore,
  StorageFullError,
  TransportError,
  type DeviceEvent,
  type MemoryStore,
} from './index.ts'
import { createBench } from './testing/bench.ts'
import { pushes } from './testing/pushes.ts'

const T = 'inspections'
const ID = '00000000-0000-4000-8000-00000000000a'
const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

describe('local records', () => {
  test('an edit is visible at once, pending until answered', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    const created = await device.put({ table: T, data: { a: 1 } })
    expect(created).toMatchObject({
      syncStatus: 'pending',
      serverVersion: 0,
      localVersion: 1,
      scope: 'default',
    })
    expect(await device.get({ table: T, id: created.id })).toEqual(created)
    const report = await device.sync()
    expect(report).toMatchObject({ outcome: 'complete', accepted: 1 })
    expect(await device.get({ table: T, id: created.id })).toMatchObject({
      data: { a: 1 },
      syncStatus: 'synced',
      serverVersion: 1,
    })
  })

  test('edits that were never sent become one operation', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    for (const a of [1, 2, 3]) await device.put({ table: T, id: ID, data: { a } })
    expect(await device.overview()).toMatchObject({ pending: 1 })
    await device.sync()
    expect(pushes(bench.server)[0]).toMatchObject([{ operation: 'CREATE', seq: 1, data: { a: 3 } }])
  })

  test('what was created and removed before a sync never existed', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    await device.put({ table: T, id: ID, data: { a: 1 } })
    expect(await device.remove({ table: T, id: ID })).toBe(true)
    expect(await device.overview()).toMatchObject({ pending: 0 })
    expect(await device.get({ table: T, id: ID })).toBeUndefined()
    expect(await device.remove({ table: T, id: ID })).toBe(false)
    await device.sync()
    expect(pushes(bench.server)).toEqual([[]])
  })

  test('a removed record is gone here at once and on the server after a sync', async () => {
    const bench = createBench()
    bench.server.write(T, ID, { a: 1 })
    const { device } = await bench.device()
    await device.sync()
    await device.remove({ table: T, id: ID })
    expect(await device.list({ table: T })).toEqual([])
    await device.sync()
    expect(bench.server.state(T, ID)).toMatchObject({ version: 2, data: null })
  })

  test('writing what is there already queues nothing', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    await device.put({ table: T, id: ID, data: { a: 1, b: 2 } })
    await device.sync()
    await device.put({ table: T, id: ID, data: { b: 2, a: 1 } })
    expect(await device.overview()).toMatchObject({ pending: 0 })
  })

  test('lists a table by pages, in order of id, tables and scopes apart', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    for (const n of [3, 1, 4, 2]) await device.put({ table: 'brands/shop', id: id(n), data: { n } })
    await device.put({ table: 'brands/shop/x', id: id(9), data: { n: 9 } })
    await device.put({ table: 'brands/shop', scope: 'other', id: id(8), data: { n: 8 } })
    const all = await device.list({ table: 'brands/shop' })
    expect(all.map((record) => record.data['n'])).toEqual([1, 2, 3, 4])
    const page = await device.list({ table: 'brands/shop', after: id(1), limit: 2 })
    expect(page.map((record) => record.data['n'])).toEqual([2, 3])
  })

  test('a page is full even where rows in it are deleted but not yet synced', async () => {
    const bench = createBench()
    for (const n of [1, 2, 3, 4]) bench.server.write(T, id(n), { n })
    const { device } = await bench.device()
    await device.sync()
    await device.remove({ table: T, id: id(1) })
    await device.remove({ table: T, id: id(2) })
    const page = await device.list({ table: T, limit: 2 })
    expect(page.map((record) => record.data['n'])).toEqual([3, 4])
  })

  test.each([
    ['no UUID', 'note-1', { a: 1 }, 'invalid_id'],
    ['an integer past 2^53', ID, { a: 2 ** 60 }, 'unfaithful_data'],
    ['half a surrogate pair', ID, { a: '\ud800' }, 'unfaithful_data'],
    ['more bytes than a record may have', ID, { a: 'x'.repeat(60_000) }, 'record_too_large'],
  ])('refuses %s at once', async (_, recordId, data, code) => {
    const { device } = await createBench().device()
    await expect(device.put({ table: T, id: recordId, data })).rejects.toMatchObject({ code })
    expect(await device.overview()).toMatchObject({ pending: 0 })
  })

  test('works before enrolment, and says what is missing when asked to sync', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    const { createDevice } = await import('./index.ts')
    const fresh = await createDevice({
      storage: createMemoryStore(),
      transport: bench.server.transport(),
      clock: bench.clock,
      random: { bytes: (length) => new Uint8Array(length).fill(7) },
    })
    await fresh.put({ table: T, id: ID, data: { a: 1 } })
    const report = await fresh.sync()
    expect(report).toMatchObject({ outcome: 'failed', failure: { code: 'not_enrolled' } })
    await fresh.enroll({
      enrollmentKey: 'k',
      name: 'n',
      platform: 'ios',
      appVersion: '1',
      scopes: ['default'],
    })
    expect(await fresh.sync()).toMatchObject({ outcome: 'complete', accepted: 1 })
    expect(device.id).not.toBe(fresh.id)
  })
})

describe('enrolment', () => {
  const request = { enrollmentKey: 'k', name: 'n', platform: 'ios', appVersion: '1', scopes: ['default'] }

  test('asks for the same token until it is answered, in whatever life; then for another', async () => {
    const bench = createBench()
    const storage = createMemoryStore()
    const transport = bench.server.transport()
    let isLost = true
    const begin = () =>
      createDevice({
        ...{
          storage,
          clock: bench.clock,
          random: { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) },
        },
        transport: {
          send: async (sent) => {
            const reply = await transport.send(sent)
            if (isLost) throw new TransportError('network', 'lost on the way back')
            return reply
          },
        },
      })
    await expect((await begin()).enroll(request)).rejects.toThrow('lost')
    isLost = false
    const device = await begin()
    await device.enroll(request)
    await device.enroll(request)
    const [first, second, third] = bench.server.requests.map(({ body }) => body['device_token'])
    expect(first).toMatch(/^hf_dev_[0-9a-f]{64}$/)
    expect(second).toBe(first)
    expect(third).toMatch(/^hf_dev_[0-9a-f]{64}$/)
    expect(third).not.toBe(first)
  })
})

describe('pull', () => {
  test('takes every page and keeps the token with the rows', async () => {
    const bench = createBench()
    bench.server.pageSize = 2
    for (const n of [1, 2, 3, 4, 5]) bench.server.write(T, id(n), { n })
    const { device } = await bench.device()
    expect(await device.sync()).toMatchObject({ pulled: 5, requests: 3 })
    expect(await device.list({ table: T })).toHaveLength(5)
    await device.sync()
    expect(bench.server.requests.at(-1)?.body['last_sync_token']).toMatch(/^epoch-1@5@/)
  })

  test('a page with a row that does not match its checksum is asked for again', async () => {
    const bench = createBench()
    bench.server.write(T, ID, { a: 1 })
    const { device } = await bench.device()
    bench.server.faults.push('corrupt_row')
    const report = await device.sync()
    expect(report).toMatchObject({ outcome: 'complete', retries: 1, pulled: 1 })
    expect(await device.get({ table: T, id: ID })).toMatchObject({ data: { a: 1 } })
    const tokens = bench.server.requests.slice(1).map((request) => request.body['last_sync_token'])
    expect(tokens).toEqual([null, null])
  })

  test('news about a record with an edit of one’s own stays beneath the edit', async () => {
    const bench = createBench()
    bench.server.write(T, ID, { a: 1 })
    const { device } = await bench.device()
    await device.sync()
    await device.put({ table: T, id: ID, data: { a: 2 } })
    bench.server.refusals.set(ID, [{ code: 'throttled', retryable: true }])
    bench.server.write(T, ID, { a: 9 })
    const stop = device.subscribe((event) => {
      if (event.kind === 'transition' && event.to === 'RETRYING') device.stop()
    })
    expect(await device.sync()).toMatchObject({ outcome: 'stopped' })
    stop()
    expect(await device.get({ table: T, id: ID })).toMatchObject({
      data: { a: 2 },
      serverData: { a: 9 },
      serverVersion: 2,
      syncStatus: 'pending',
    })
  })

  test('a record that leaves the scope goes; its unsent edit is kept for review and can be restored', async () => {
    const bench = createBench()
    bench.server.chunkChanges = 1
    bench.server.write(T, ID, { a: 1 })
    const { device } = await bench.device()
    await device.sync()
    await device.put({ table: T, id: id(1), data: { goes: 'first' } })
    await device.put({ table: T, id: ID, data: { a: 2 } })
    bench.server.leave(T, ID)
    await device.sync()
    expect(await device.get({ table: T, id: ID })).toBeUndefined()
    expect(await device.overview()).toMatchObject({ pending: 0 })
    const [item] = await device.review()
    expect(item).toMatchObject({ id: ID, reason: 'left_scope', data: { a: 2 }, serverData: { a: 1 } })
    expect(await device.restoreReview(item?.opId ?? '')).toBe(true)
    expect(await device.review()).toEqual([])
    expect(await device.get({ table: T, id: ID })).toMatchObject({ data: { a: 2 }, syncStatus: 'pending' })
  })
})

describe('a device without room', () => {
  test('refuses edits, keeps what it has, and goes on when there is room again', async () => {
    const bench = createBench()
    const store = createMemoryStore()
    let isFull = false
    const tight: MemoryStore = {
      ...store,
      async write(writes) {
        if (isFull) throw new StorageFullError('no room')
        await store.write(writes)
      },
    }
    const { device } = await bench.device({ store: tight })
    await device.put({ table: T, id: ID, data: { a: 1 } })
    isFull = true
    await expect(device.put({ table: T, id: id(1), data: { n: 1 } })).rejects.toThrow(StorageFullError)
    expect(await device.sync()).toMatchObject({ outcome: 'failed', failure: { code: 'device_storage_full' } })
    expect(await device.overview()).toMatchObject({ state: 'FAILED', pending: 1 })
    isFull = false
    expect(await device.sync()).toMatchObject({ outcome: 'complete', accepted: 1 })
    expect(bench.server.requests.at(-1)?.body['status']).toMatchObject({
      errors: [{ code: 'device_storage_full' }],
    })
  })

  test('takes an answer it could not store as one that never came', async () => {
    const bench = createBench()
    const store = createMemoryStore()
    let writesLeft = Infinity
    const failing: MemoryStore = {
      ...store,
      async write(writes) {
        writesLeft -= 1
        if (writesLeft === 0) throw new StorageFullError('no room')
        await store.write(writes)
      },
    }
    const { device } = await bench.device({ store: failing })
    await device.put({ table: T, id: ID, data: { a: 1 } })
    // One write before the request, for the seq; the next would take the answer in.
    writesLeft = 2
    expect(await device.sync()).toMatchObject({ failure: { code: 'device_storage_full' }, accepted: 0 })
    expect(await device.get({ table: T, id: ID })).toMatchObject({ syncStatus: 'pending' })
    expect(await device.sync()).toMatchObject({ outcome: 'complete', accepted: 1 })
    expect(bench.server.effects).toHaveLength(1)
  })
})

describe('state and events', () => {
  test('tells every transition in order, and the server hears of them', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    const events: DeviceEvent[] = []
    device.subscribe((event) => events.push(event))
    await device.put({ table: T, id: ID, data: { a: 1 } })
    await device.sync()
    const states = events.flatMap((event) => (event.kind === 'transition' ? [event.to] : []))
    expect(states).toEqual(['CHECKING', 'PUSHING', 'COMPLETE', 'IDLE'])
    await device.sync()
    expect(bench.server.requests.at(-1)?.body['status']).toMatchObject({
      pending: 0,
      transitions: [{ to: 'PUSHING' }, { to: 'COMPLETE' }, { to: 'IDLE' }, { to: 'CHECKING' }],
    })
  })

  test('calls during a run join it, and an edit made meanwhile is not left behind', async () => {
    const bench = createBench()
    const { device } = await bench.device()
    const first = device.sync()
    await device.put({ table: T, id: ID, data: { a: 1 } })
    const [, second] = await Promise.all([first, device.sync()])
    expect(second.outcome).toBe('complete')
    expect(await device.overview()).toMatchObject({ pending: 0, state: 'IDLE' })
  })
})
