import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { POST as sync } from '../../../app/api/v1/sync/route.ts'
import { PUT as putScopes } from '../../../app/api/v1/devices/[id]/scopes/route.ts'
import { healthStates } from '#lib/core/health.ts'
import type { DeviceDetail } from '#lib/protocol/devices.ts'
import { systemActor } from '../actor.ts'
import { listAudit } from '../audit/list.ts'
import { everybody, request, type Everybody, type TestDevice } from '../testing/everybody.ts'
import { authenticateDevice } from './authenticate.ts'
import { getDevice } from './get.ts'
import { encodeCursor } from '../list/page.ts'
import { listDevices } from './list.ts'
import { resyncDevice } from './resync.ts'
import { changeDeviceStatus } from './set-status.ts'

let all: Everybody
const system = systemActor('test')
beforeAll(async () => {
  all = await everybody()
})
afterAll(() => all.close())

/** Health as a sync would have left it. */
async function report(device: TestDevice, sql: string): Promise<void> {
  await all.own.db.$executeRawUnsafe(`UPDATE device_health SET ${sql} WHERE device_id = '${device.id}'`)
}

describe('the list', () => {
  const names = ['Alpha', 'Bravo', 'Charlie', 'Delta', 'Echo', 'Foxtrot', 'Golf', 'Hotel']
  const devices: TestDevice[] = []
  beforeAll(async () => {
    for (const name of names)
      devices.push(await all.enroll({ name, scopes: name < 'E' ? ['north'] : ['south', 'shared'] }))
    const states = [
      `last_sync_at = now() - interval '10 s', last_seen_at = now(), in_progress = true`,
      `last_sync_at = now() - interval '20 minutes', last_seen_at = now() - interval '20 minutes'`,
      `last_sync_at = now() - interval '2 hours', last_seen_at = now() - interval '2 days', pending = 7`,
      `last_sync_at = now() - interval '1 minute', last_seen_at = now(), state = 'FAILED', last_error_code = 'timeout', last_error_at = now()`,
      `last_sync_at = now() - interval '30 s', last_seen_at = now(), pending = 101, clock_skew_ms = -70000`,
      `last_sync_at = now() - interval '30 s', last_seen_at = now(), breaker = 'half_open'`,
      `last_sync_at = now() - interval '5 s', last_seen_at = now(), clock_skew_ms = 20`,
      `pending = 3`,
    ]
    for (const [i, sql] of states.entries()) await report(devices[i]!, sql)
  })
  const namesOf = async (query: Parameters<typeof listDevices>[1]) =>
    (await listDevices(system, query)).items.map(({ name }) => name)

  test('tells the state of each, and why', async () => {
    const { items, total } = await listDevices(system, {})
    expect(total).toBe(8)
    expect(
      items.map(({ name, state, reasons }) => [name, state, reasons.map(({ code }) => code).join()]),
    ).toEqual([
      ['Alpha', 'healthy', ''],
      ['Bravo', 'warning', 'lag'],
      ['Charlie', 'critical', 'lag'],
      ['Delta', 'critical', 'failed'],
      ['Echo', 'warning', 'pending,clock_skew'],
      ['Foxtrot', 'warning', 'breaker'],
      ['Golf', 'healthy', ''],
      ['Hotel', 'unknown', ''],
    ])
  })

  test.each([
    [{ state: 'critical' }, ['Charlie', 'Delta']],
    [{ state: 'warning,unknown' }, ['Bravo', 'Echo', 'Foxtrot', 'Hotel']],
    [{ scope: 'shared' }, ['Echo', 'Foxtrot', 'Golf', 'Hotel']],
    [{ activity: 'syncing' as const }, ['Alpha']],
    [{ activity: 'active' as const }, ['Alpha', 'Bravo', 'Delta', 'Echo', 'Foxtrot', 'Golf']],
    [{ q: 'OT' }, ['Foxtrot', 'Hotel']],
    [{ app_version: '2.0' }, []],
    [{ platform: 'test', status: 'paused' }, []],
    [{ q: `'; DROP TABLE device; --` }, []],
  ])('finds %o', async (query, expected) => {
    expect(await namesOf(query)).toEqual(expected)
    expect((await listDevices(system, query)).total).toBe(expected.length)
  })

  test('finds a device by the beginning of its id', async () => {
    expect(await namesOf({ q: devices[2]!.id.slice(0, 13).toUpperCase() })).toEqual(['Charlie'])
  })

  test.each([
    ['-lag', ['Charlie', 'Bravo', 'Delta']],
    ['-pending', ['Echo', 'Charlie', 'Hotel']],
    ['-skew', ['Echo', 'Golf']],
    ['last_sync', ['Hotel', 'Charlie', 'Bravo']],
    ['-name', ['Hotel', 'Golf', 'Foxtrot']],
  ] as const)('sorts by %s', async (sort, first) => {
    expect((await namesOf({ sort })).slice(0, first.length)).toEqual(first)
  })

  test.each([
    'name',
    '-name',
    'state',
    '-state',
    'lag',
    '-lag',
    'pending',
    '-skew',
    'last_sync',
    '-platform',
    'app_version',
  ] as const)('page by page by %s misses none and repeats none', async (sort) => {
    const found: string[] = []
    let cursor: string | undefined
    do {
      const page = await listDevices(system, { sort, limit: 3, ...(cursor ? { cursor } : {}) })
      found.push(...page.items.map(({ name }) => name))
      cursor = page.next_cursor ?? undefined
    } while (cursor)
    expect(found.toSorted()).toEqual(names)
    expect(found).toEqual(await namesOf({ sort }))
  })

  test('a cursor of another sort is refused', async () => {
    const { next_cursor } = await listDevices(system, { sort: 'name', limit: 1 })
    await expect(listDevices(system, { sort: 'lag', limit: 1, cursor: next_cursor! })).rejects.toMatchObject({
      code: 'invalid_request',
    })
  })

  test.each([
    ['lag', 'soon'],
    ['-last_sync', '0000-01-01T00:00:00Z'],
    ['pending', '99999999999999999999'],
    ['-state', 'x'],
    ['name', '\0'],
  ] as const)('a cursor by %s with a value that is none is refused', async (sort, value) => {
    const cursor = encodeCursor([sort, value, randomUUID()])
    await expect(listDevices(system, { sort, cursor })).rejects.toMatchObject({ code: 'invalid_request' })
  })

  test('SQL and lib/core/health.ts agree on every combination', async () => {
    const db = all.own.db
    const seconds = (n: number | null) => (n === null ? 'NULL' : `now() - interval '${n} s'`)
    const made: string[] = []
    for (const status of ['active', 'paused', 'revoked'])
      for (const sync of [null, 5, 1_000, 4_000])
        for (const enrolled of [60, 1_000, 4_000, 90_000])
          for (const [state, pending, breaker, skew] of [
            ['IDLE', 0, 'closed', 0],
            ['FAILED', 0, 'closed', 0],
            ['IDLE', 101, 'closed', 0],
            ['IDLE', 0, 'open', 0],
            ['IDLE', 100, 'closed', -60_001],
          ] as const) {
            const id = crypto.randomUUID()
            made.push(id)
            await db.$executeRawUnsafe(`INSERT INTO device (id, name, status, token_hash, scopes, incarnation, enrolled_at, revoked_at)
              VALUES ('${id}', 'combination', '${status}', sha256('${id}'), '{}', '${id}', ${seconds(enrolled)},
                ${status === 'revoked' ? seconds(30) : 'NULL'})`)
            await db.$executeRawUnsafe(`INSERT INTO device_health (device_id, last_sync_at, last_seen_at, state, pending, breaker, clock_skew_ms)
              VALUES ('${id}', ${seconds(sync)}, ${seconds(sync)}, '${state}', ${pending}, '${breaker}', ${skew})`)
          }
    const old = made[20]
    await db.$executeRawUnsafe(`INSERT INTO conflict (id, code, scope, "table", record_id, device_id, op_id, operation, base_version,
        client_hlc, client_vector, server_version, server_hlc, server_vector, strategy, created_at)
      VALUES ('${old}', 'manual', 's', 't', '${old}', '${old}', '${old}', 'UPDATE', 1, '', '{}', 2, '', '{}', 'manual', now() - interval '2 days')`)
    const { items } = await listDevices(system, { q: 'combination', limit: 500 })
    expect(items).toHaveLength(made.length)
    expect(items.find(({ id }) => id === old)).toMatchObject({
      state: 'warning',
      reasons: [{ code: 'old_conflict' }],
    })
    for (const state of healthStates) {
      // The filter is SQL's, the state of an item is the rules'.
      const filtered = await listDevices(system, { q: 'combination', limit: 500, state })
      const decided = items.filter((item) => item.state === state)
      expect(decided.length).toBeGreaterThan(0)
      expect(filtered.items.map(({ id }) => id)).toEqual(decided.map(({ id }) => id))
    }
  })
})

describe('what people do to a device', () => {
  const authenticated = (device: TestDevice) => authenticateDevice(new Headers(device.headers))

  test('revoke and restore, pause and resume take effect at once and are audited once', async () => {
    const device = await all.enroll()
    const { id } = device
    const steps = [
      ['pause', 'paused'],
      ['pause', 'paused'],
      ['resume', 'active'],
      ['revoke', 'revoked'],
      ['revoke', 'revoked'],
      ['restore', 'active'],
    ] as const
    for (const [change, status] of steps) {
      expect(await changeDeviceStatus(system, change, { id, reason: 'why not' })).toMatchObject({ status })
      expect(await authenticated(device)).toMatchObject({ status })
    }
    const { items } = await listAudit(system, { target_id: id, limit: 4 })
    expect(items.map(({ action, reason }) => [action, reason])).toEqual([
      ['device.restore', 'why not'],
      ['device.revoke', 'why not'],
      ['device.resume', 'why not'],
      ['device.pause', 'why not'],
    ])
  })

  test('a revoked device is not paused, resumed or resynced', async () => {
    const { id } = await all.enroll()
    await changeDeviceStatus(system, 'revoke', { id })
    await expect(changeDeviceStatus(system, 'pause', { id })).rejects.toMatchObject({ code: 'conflict' })
    await expect(changeDeviceStatus(system, 'resume', { id })).rejects.toMatchObject({ code: 'conflict' })
    await expect(resyncDevice(system, { id })).rejects.toMatchObject({ code: 'conflict' })
  })

  test('a revoked device is turned away at every door, and its talking shows', async () => {
    const device = await all.enroll()
    await changeDeviceStatus(system, 'revoke', { id: device.id })
    expect(await getDevice(system, device.id)).toMatchObject({ state: 'revoked' })
    const sent = () => sync(request('/api/v1/sync', { method: 'POST', headers: device.headers, body: {} }))
    const response = await sent()
    expect(response.status).toBe(403)
    expect(await response.json()).toMatchObject({ code: 'device_revoked', retryable: false })
    expect(await getDevice(system, device.id)).toMatchObject({
      state: 'critical',
      reasons: [{ code: 'revoked_but_talking' }],
    })
    await changeDeviceStatus(system, 'restore', { id: device.id })
    expect((await sent()).status).toBe(422)
  })

  test('a paused device is told to come back later, and its queue stays where it is', async () => {
    const device = await all.enroll()
    await changeDeviceStatus(system, 'pause', { id: device.id })
    const envelope = { device_id: device.id, incarnation: device.incarnation }
    const sent = () =>
      sync(request('/api/v1/sync', { method: 'POST', headers: device.headers, body: envelope }))
    const response = await sent()
    expect(response.status).toBe(429)
    const problem = (await response.json()) as { code: string; retry_after_ms: number }
    expect(problem).toMatchObject({ code: 'throttled', retryable: true })
    expect(problem.retry_after_ms).toBeGreaterThan(0)
    await changeDeviceStatus(system, 'resume', { id: device.id })
    expect((await sent()).status).toBe(200)
  })

  test('a resync waits for the device', async () => {
    const device = await all.enroll()
    expect(await resyncDevice(system, { id: device.id })).toMatchObject({ resync_reason: 'history_diverged' })
    expect(await authenticated(device)).toMatchObject({ resyncReason: 'history_diverged' })
  })

  test('scopes are set against the version that was seen, and the device has them at once', async () => {
    const device = await all.enroll({ scopes: ['north'] })
    const { etag } = await getDevice(system, device.id)
    const put = async (scopes: unknown, ifMatch?: string) => {
      const headers = { ...all.keys.admin, ...(ifMatch ? { 'if-match': ifMatch } : {}) }
      const sent = request(`/api/v1/devices/${device.id}/scopes`, {
        method: 'PUT',
        headers,
        body: { scopes },
      })
      const response = await putScopes(sent, { params: Promise.resolve({ id: device.id }) })
      return {
        status: response.status,
        etag: response.headers.get('etag'),
        body: (await response.json()) as DeviceDetail & { code: string },
      }
    }
    const done = await put(['south', 'south', 'shared'], etag)
    expect(done).toMatchObject({ status: 200, body: { scopes: ['south', 'shared'] } })
    expect(done.etag).not.toBe(etag)
    expect(await authenticated(device)).toMatchObject({ scopes: ['south', 'shared'] })
    expect(await put(['north'], etag)).toMatchObject({ status: 412, body: { code: 'stale' } })
    expect(await put(['north'], 'no etag at all')).toMatchObject({ status: 412 })
    expect(await put(['north'], `W/${done.etag}`)).toMatchObject({ status: 200 })
    expect(await put(['east'])).toMatchObject({ status: 200, body: { scopes: ['east'] } })
    const { items } = await listAudit(system, { action: 'device.set_scopes', target_id: device.id })
    expect(items[2]).toMatchObject({ before: { scopes: ['north'] }, after: { scopes: ['south', 'shared'] } })
  })

  test('the detail tells incarnations, positions and what the device reported', async () => {
    const first = await all.enroll({ scopes: ['north', 'south'] })
    const again = await all.enroll({ id: first.id, scopes: ['north', 'south'] })
    const db = all.own.db
    await db.$executeRaw`INSERT INTO feed_head (scope, seq, chain) VALUES ('north', 40, '') ON CONFLICT (scope) DO UPDATE SET seq = 40`
    await report(first, `acknowledged = '{"north": 12}'`)
    await db.$executeRaw`INSERT INTO device_event (device_id, at, kind, code, detail) VALUES
      (${first.id}::uuid, now(), 'transition', 'IDLE→CHECKING', 'timer'), (${first.id}::uuid, now(), 'error', 'timeout', 'no answer')`
    const device = await getDevice(system, first.id)
    expect(device.incarnations.map(({ incarnation, is_current }) => [incarnation, is_current])).toEqual([
      [again.incarnation, true],
      [first.incarnation, false],
    ])
    expect(device.positions).toEqual([
      { scope: 'north', acknowledged_seq: 12, head_seq: 40, behind: 28, is_expired: false },
      { scope: 'south', acknowledged_seq: null, head_seq: 0, behind: 0, is_expired: false },
    ])
    expect(device.transitions).toMatchObject([{ code: 'IDLE→CHECKING' }])
    expect(device.errors).toMatchObject([{ code: 'timeout' }])
    expect(device.enrollment_key).toMatchObject({ name: 'tests' })
  })
})
