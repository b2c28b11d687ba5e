import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  createMemoryStore,
  createSystemClock,
  TransportError,
  type Clock,
  type Device,
  type Transport,
} from '#lib/client/index.ts'
import type { ConflictDetail } from '#lib/protocol/console.ts'
import { ask } from '#lib/server/testing/ask.ts'
import { everybody, type Everybody } from '#lib/server/testing/everybody.ts'
import { putPolicy } from '#lib/server/testing/raw-device.ts'
import { POST as resolveRoute } from '../conflicts/[id]/resolve/route.ts'
import { GET as conflictRoute } from '../conflicts/[id]/route.ts'
import { POST as actionRoute } from '../devices/[id]/[action]/route.ts'
import { GET as deviceRoute } from '../devices/[id]/route.ts'
import { PUT as scopesRoute } from '../devices/[id]/scopes/route.ts'
import { enrolledDevice, routeTransport } from './testing/device.ts'

let callers: Everybody

beforeAll(async () => {
  callers = await everybody()
  const schema = { type: 'object', properties: { phone: { type: 'string', maxLength: 9 } } }
  await putPolicy(callers.own.db, { name: 'sites', strategy: 'merge', schema })
  await putPolicy(callers.own.db, { name: 'orders', strategy: 'fww' })
  await putPolicy(callers.own.db, { name: 'settings', strategy: 'lww' })
})
afterAll(() => callers.close())

const table = 'sites'

/** Two devices of one scope that both have the record. */
async function twoWithRecord(data: Record<string, string>, of = table) {
  const scopes = [randomUUID()]
  const one = await enrolledDevice(callers, { scopes, name: 'One' })
  const two = await enrolledDevice(callers, { scopes, name: 'Two' })
  const { id } = await one.put({ table: of, data })
  await one.sync()
  await two.sync()
  return { one, two, ref: { table: of, id }, scope: scopes[0] ?? '' }
}

const admin = <Body = Record<string, unknown>>(
  route: Parameters<typeof ask>[1],
  method: string,
  id: string,
  path: string,
  more: { body?: unknown; ifMatch?: string | null; params?: Record<string, string> } = {},
) =>
  ask<Body>(callers, route, {
    role: 'admin',
    method,
    path,
    params: { id, ...more.params },
    ...(more.body === undefined ? {} : { body: more.body }),
    ...(more.ifMatch ? { ifMatch: more.ifMatch } : {}),
  })

const etagOf = async (device: Device) =>
  (await admin(deviceRoute, 'GET', device.id, `/api/v1/devices/${device.id}`)).etag

describe('the device library against the product', () => {
  test('edits of different fields are both kept, and both devices show them', async () => {
    const { one, two, ref } = await twoWithRecord({ phone: '1', city: 'X' })
    await one.put({ ...ref, data: { phone: '2', city: 'X' } })
    await two.put({ ...ref, data: { phone: '1', city: 'Y' } })
    const outcomes: string[] = []
    two.subscribe((event) => {
      if (event.kind === 'answered') outcomes.push(...event.answers.map((answer) => answer.outcome))
    })
    await one.sync()
    await two.sync()
    await one.sync()
    expect(outcomes).toEqual(['merged'])
    for (const device of [one, two]) {
      expect(await device.get(ref)).toMatchObject({ data: { phone: '2', city: 'Y' }, syncStatus: 'synced' })
    }
  })

  test('a record edited again and again, offline and between lost answers, never conflicts with itself', async () => {
    const { one, two, ref } = await twoWithRecord({ phone: '0' })
    let isLosing = true
    const lossy: Transport = {
      async send(request) {
        const reply = await routeTransport.send(request)
        isLosing = !isLosing && request.path.endsWith('/sync')
        if (isLosing) throw new TransportError('network', 'the reply got lost')
        return reply
      },
    }
    const device = await enrolledDevice(callers, { scopes: (await one.overview()).scopes, transport: lossy })
    await device.sync()
    for (const phone of ['1', '2', '3', '4', '5']) {
      const running = device.sync()
      await device.put({ ...ref, data: { phone } })
      expect(await running).toMatchObject({ conflicts: 0, rejected: 0 })
    }
    expect(await device.sync()).toMatchObject({ outcome: 'complete', conflicts: 0 })
    await two.sync()
    expect(await two.get(ref)).toMatchObject({ data: { phone: '5' } })
  })

  test('a clash waits for a person; the settlement reaches both devices', async () => {
    const { one, two, ref } = await twoWithRecord({ phone: '1' })
    await one.put({ ...ref, data: { phone: '2' } })
    await two.put({ ...ref, data: { phone: '3' } })
    await one.sync()
    expect(await two.sync()).toMatchObject({ outcome: 'complete', conflicts: 1 })
    expect(await two.get(ref)).toMatchObject({
      data: { phone: '3' },
      serverData: { phone: '2' },
      syncStatus: 'conflict',
      conflict: { fields: ['phone'], baseData: { phone: '1' } },
    })
    // An edit of another field goes through; the clash stays for the person.
    await two.put({ ...ref, data: { phone: '3', city: 'Z' } })
    expect(await two.sync()).toMatchObject({ accepted: 1, conflicts: 0 })
    expect(await two.get(ref)).toMatchObject({
      serverData: { phone: '2', city: 'Z' },
      syncStatus: 'conflict',
    })

    const [mark] = await two.conflicts()
    const id = mark?.conflictId ?? ''
    const { etag } = await admin<ConflictDetail>(conflictRoute, 'GET', id, `/api/v1/conflicts/${id}`)
    const body = { choice: 'merged', data: { phone: 'both', city: 'Z' }, reason: 'called them' }
    const resolved = await admin(resolveRoute, 'POST', id, `/api/v1/conflicts/${id}/resolve`, {
      body,
      ifMatch: etag,
    })
    expect(resolved.status).toBe(200)
    for (const device of [one, two]) {
      await device.sync()
      expect(await device.get(ref)).toMatchObject({
        data: { phone: 'both', city: 'Z' },
        syncStatus: 'synced',
      })
    }
  })

  test('first write wins: the second rebases', async () => {
    const { one, two, ref } = await twoWithRecord({ state: 'open' }, 'orders')
    await one.put({ ...ref, data: { state: 'taken by one' } })
    await two.put({ ...ref, data: { state: 'taken by two' } })
    await one.sync()
    await two.sync()
    expect(await two.get(ref)).toMatchObject({ conflict: { code: 'stale_version' } })
    await two.rebase(ref, { state: 'helped by two' })
    expect(await two.sync()).toMatchObject({ accepted: 1, conflicts: 0 })
    await one.sync()
    expect(await one.get(ref)).toMatchObject({ data: { state: 'helped by two' } })
  })

  test('last write wins: the loser shows the winner', async () => {
    const { one, two, ref } = await twoWithRecord({ theme: 'light' }, 'settings')
    await one.put({ ...ref, data: { theme: 'dark' } })
    // Two edits of one millisecond are in the order of their devices' ids.
    await sleep(2)
    await two.put({ ...ref, data: { theme: 'blue' } })
    await two.sync()
    await one.sync()
    expect(await one.get(ref)).toMatchObject({ data: { theme: 'blue' }, syncStatus: 'synced' })
  })

  test('a change the schema refuses is a dead letter on both sides, and holds nothing back', async () => {
    const device = await enrolledDevice(callers)
    const bad = await device.put({ table, data: { phone: 'far too long a number' } })
    const good = await device.put({ table, data: { phone: '1' } })
    expect(await device.sync()).toMatchObject({ outcome: 'complete', accepted: 1, rejected: 1 })
    const [letter] = await device.deadLetters()
    expect(letter).toMatchObject({ code: 'schema_mismatch', operation: { id: bad.id } })
    expect(letter?.deadLetterId).toMatch(/^[0-9a-f-]{36}$/)
    expect(await device.get({ table, id: good.id })).toMatchObject({ syncStatus: 'synced' })
    await device.retryDeadLetter(letter?.operation.opId ?? '', { phone: '2' })
    expect(await device.sync()).toMatchObject({ accepted: 1, rejected: 0 })
  })

  test('a clock an hour ahead is corrected without anybody noticing', async () => {
    const system = createSystemClock(globalThis)
    const clock: Clock = { ...system, nowMs: () => system.nowMs() + 3_600_000 }
    const device = await enrolledDevice(callers, { clock })
    await device.put({ table, data: { phone: '1' } })
    await device.put({ table, data: { phone: '2' } })
    expect(await device.sync()).toMatchObject({ outcome: 'complete', accepted: 2, rejected: 0 })
    await device.put({ table, data: { phone: '3' } })
    expect(await device.sync()).toMatchObject({ accepted: 1, requests: 1 })
  })

  test('a restored store begins a new life, and everything arrives once', async () => {
    const storage = createMemoryStore()
    const scopes = [randomUUID()]
    const device = await enrolledDevice(callers, { scopes, storage })
    await device.put({ table, data: { phone: 'before' } })
    const backup = createMemoryStore(storage.image())
    await device.sync()
    await device.put({ table, data: { phone: 'since' } })
    await device.sync()
    const restored = await enrolledDevice(callers, { scopes, storage: backup })
    await restored.put({ table, data: { phone: 'after' } })
    expect(await restored.sync()).toMatchObject({ outcome: 'complete' })
    const shown = (await restored.list({ table })).map((record) => record.data['phone'])
    expect(new Set(shown)).toEqual(new Set(['before', 'since', 'after']))
    expect(shown).toHaveLength(3)
  })

  test('a full sync that an admin asks for keeps pending edits', async () => {
    const { one, ref } = await twoWithRecord({ phone: '1' })
    const path = `/api/v1/devices/${one.id}/resync`
    const asked = await admin(actionRoute, 'POST', one.id, path, {
      params: { action: 'resync' },
      body: { reason: 'test' },
      ifMatch: await etagOf(one),
    })
    expect(asked.status).toBe(200)
    await one.put({ ...ref, data: { phone: '2' } })
    expect(await one.sync()).toMatchObject({ outcome: 'complete', accepted: 1 })
    expect(await one.get(ref)).toMatchObject({ data: { phone: '2' }, serverVersion: 2, syncStatus: 'synced' })
  })

  test('records of a scope that is taken away go; an edit of one waits, and goes when it is given back', async () => {
    const scopes = [randomUUID(), randomUUID()]
    const [kept = '', lost = ''] = scopes
    const device = await enrolledDevice(callers, { scopes })
    const a = await device.put({ table, scope: kept, data: { phone: '1' } })
    const b = await device.put({ table, scope: lost, data: { phone: '1' } })
    await device.sync()
    const grant = async (granted: string[]) =>
      admin(scopesRoute, 'PUT', device.id, `/api/v1/devices/${device.id}/scopes`, {
        body: { scopes: granted, reason: 'moved' },
        ifMatch: await etagOf(device),
      })
    expect(await grant([kept])).toMatchObject({ status: 200 })
    await device.put({ table, scope: lost, id: b.id, data: { phone: '2' } })
    expect(await device.sync()).toMatchObject({ failure: null, outcome: 'complete', rejected: 1 })
    expect(await device.get({ table, scope: kept, id: a.id })).toMatchObject({ syncStatus: 'synced' })
    expect(await device.get({ table, scope: lost, id: b.id })).toBeUndefined()
    expect(await device.deadLetters()).toEqual([])
    expect(await device.review()).toMatchObject([
      { reason: 'scope_forbidden', id: b.id, data: { phone: '2' } },
    ])
    expect(await grant(scopes)).toMatchObject({ status: 200 })
    expect(await device.sync()).toMatchObject({ outcome: 'complete', accepted: 1 })
    expect(await device.review()).toEqual([])
    expect(await device.get({ table, scope: lost, id: b.id })).toMatchObject({
      ...{ data: { phone: '2' }, serverVersion: 2, syncStatus: 'synced' },
    })
    expect(await device.verify()).toMatchObject({ differing: {}, isRepairing: false })
  })
})
