import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SnapshotReply } from '#lib/protocol/sync.ts'
import { systemActor } from '#lib/server/actor.ts'
import { getDevice } from '#lib/server/devices/get.ts'
import { everybody, request, type Everybody, type TestDevice } from '#lib/server/testing/everybody.ts'
import { putPolicy } from '#lib/server/testing/raw-device.ts'
import { enrolledDevice } from '../sync/testing/device.ts'
import { POST as syncRoute } from '../sync/route.ts'
import { GET } from './route.ts'

let callers: Everybody
beforeAll(async () => {
  callers = await everybody()
  await callers.own.db.$executeRaw`INSERT INTO setting (key, value) VALUES ('snapshot_slots', '1')`
  await putPolicy(callers.own.db, { name: 'notes' })
})
afterAll(() => callers.close())

const nowhere = { params: Promise.resolve({}) }
const page = async ({ headers }: TestDevice, query = '') => {
  const response = await GET(request(`/api/v1/snapshot?limit=1${query}`, { headers }), nowhere)
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as SnapshotReply,
  }
}

test('one full sync at a time: the others are told when to come back, pages go through, and what is new is not held up', async () => {
  const app = await enrolledDevice(callers)
  for (const text of ['one', 'two', 'three']) await app.put({ table: 'notes', data: { text } })
  await app.sync()

  const [first, second] = [await callers.enroll(), await callers.enroll()]
  const begun = await page(first)
  expect(begun).toMatchObject({ status: 200, body: { next_cursor: expect.any(String) } })

  const refused = await page(second)
  expect(refused).toMatchObject({
    status: 429,
    body: { code: 'throttled', retryable: true, retry_after_ms: expect.any(Number) },
  })
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  const shown = async ({ id }: TestDevice) => (await getDevice(systemActor('test'), id)).full_sync
  expect(await shown(first)).toMatchObject({ state: 'loading', ahead: 0 })
  expect(await shown(second)).toMatchObject({ state: 'waiting', ahead: 0 })
  // Deltas do not wait.
  const delta = await syncRoute(
    request('/api/v1/sync', {
      method: 'POST',
      headers: second.headers,
      body: { protocol: 1, device_id: second.id },
    }),
    nowhere,
  )
  expect(delta.status).toBe(200)

  let last = begun
  for (let pages = 1; last.body.next_cursor; pages++) {
    last = await page(first, `&cursor=${encodeURIComponent(last.body.next_cursor)}`)
    expect(last.status).toBe(200)
    expect(pages).toBeLessThan(4)
  }
  expect(last.body.sync_token).toEqual(expect.any(String))
  expect(await shown(first)).toBeNull()
  expect((await page(second)).status).toBe(200)
})
