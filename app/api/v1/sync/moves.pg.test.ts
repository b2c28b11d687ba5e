import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TransportError, type Device, type Transport } from '#lib/client/index.ts'
import type { JsonObject } from '#lib/core/json.ts'
import { everybody, type Everybody } from '#lib/server/testing/everybody.ts'
import { putPolicy } from '#lib/server/testing/raw-device.ts'
import { enrolledDevice, routeTransport } from './testing/device.ts'

let callers: Everybody
beforeAll(async () => {
  callers = await everybody()
  await putPolicy(callers.own.db, { name: 'sites', strategy: 'merge' })
  await putPolicy(callers.own.db, { name: 'orders', strategy: 'fww' })
})
afterAll(() => callers.close())

/** A line that does something before a sync's reply arrives, or loses it. */
function line() {
  const hooks: (() => Promise<void>)[] = []
  const transport: Transport = {
    async send(request) {
      const reply = await routeTransport.send(request)
      if (request.path === '/api/v1/sync') await hooks.shift()?.()
      return reply
    },
  }
  return { transport, beforeReply: (hook: () => Promise<void>) => hooks.push(hook) }
}

/** Two devices of two scopes that both have a record in the first. */
async function two(data: JsonObject, table = 'sites') {
  const [north, south] = [randomUUID(), randomUUID()]
  const scopes = [north, south]
  const { transport, beforeReply } = line()
  const one = await enrolledDevice(callers, { scopes, transport })
  const other = await enrolledDevice(callers, { scopes })
  const { id } = await one.put({ table, scope: north, data })
  await one.sync()
  await other.sync()
  const [here, there] = [
    { table, id, scope: north },
    { table, id, scope: south },
  ]
  return { one, other, north, south, here, there, id, beforeReply }
}

/** The record in each scope of the server's, alive or not. */
const rows = (id: string) =>
  callers.own.db.record
    .findMany({ where: { id } })
    .then((found) => Object.fromEntries(found.map(({ scope, data }) => [scope, data])))

async function settle(...devices: Device[]) {
  for (const device of [...devices, ...devices]) {
    expect(await device.sync()).toMatchObject({ outcome: 'complete' })
  }
}

/** Neither device differs from the server, in either scope. */
async function alike(...devices: Device[]) {
  await settle(...devices)
  for (const device of devices) {
    expect(await device.verify()).toMatchObject({ differing: {}, isRepairing: false })
    expect(await device.overview()).toMatchObject({ pending: 0 })
  }
}

test('a record moves, with the edit that was pending on it, as one operation', async () => {
  const { one, other, here, there, north, south, id } = await two({ name: 'A', floor: 1 })
  await one.patch(here, { set: { name: 'B' } })
  expect(await one.move(here, south)).toMatchObject({
    scope: south,
    data: { name: 'B' },
    syncStatus: 'pending',
  })
  expect(await one.get(here)).toBeUndefined()
  await one.patch(there, { set: { floor: 2 } })
  expect(await one.overview()).toMatchObject({ pending: 1 })
  await other.patch(here, { set: { owner: 'O' } })
  await other.sync()
  await alike(one, other)
  expect(await rows(id)).toEqual({ [north]: null, [south]: { name: 'B', floor: 2, owner: 'O' } })
  for (const device of [one, other]) {
    expect(await device.get(here)).toBeUndefined()
    expect(await device.get(there)).toMatchObject({
      data: { name: 'B', floor: 2, owner: 'O' },
      syncStatus: 'synced',
    })
  }
})

test('a record that was never sent is made where it was moved to; one moved there and back stays', async () => {
  const { one, other, here, there, north, south } = await two({ name: 'A' })
  const made = await one.put({ table: 'sites', scope: north, data: { name: 'new' } })
  await one.move({ table: 'sites', id: made.id, scope: north }, south)
  await one.move(here, south)
  await one.move(there, north)
  await alike(one, other)
  expect(await rows(made.id)).toEqual({ [south]: { name: 'new' } })
  expect(await other.get(here)).toMatchObject({ data: { name: 'A' } })
})

test('what is under way goes before the move, and what comes after behind it', async () => {
  const { one, other, here, there, north, south, id, beforeReply } = await two({ name: 'A', floor: 1 })
  await one.patch(here, { set: { name: 'B' } })
  beforeReply(async () => {
    await one.move(here, south)
    await one.patch(there, { set: { floor: 2 } })
    throw new TransportError('network', 'lost on the way back')
  })
  await one.sync()
  await alike(one, other)
  expect(await rows(id)).toEqual({ [north]: null, [south]: { name: 'B', floor: 2 } })
  expect(await other.get(there)).toMatchObject({ data: { name: 'B', floor: 2 } })
})

test('an edit follows the record that somebody else moved, and so do those after it', async () => {
  const { one, other, here, there, north, south, id, beforeReply } = await two({ name: 'A', floor: 1 })
  await other.move(here, south)
  await other.sync()
  // Made while the news of the move is on its way.
  beforeReply(async () => void (await one.patch(here, { set: { name: 'B' } })))
  await one.sync()
  expect(await one.review()).toEqual([])
  expect(await one.get(there)).toMatchObject({ data: { name: 'B' } })
  await one.patch(there, { set: { floor: 2 } })
  await alike(one, other)
  expect(await rows(id)).toEqual({ [north]: null, [south]: { name: 'B', floor: 2 } })
})

test('a move that is refused leaves the record where it was, and can be made again', async () => {
  const { one, other, here, there, south, id } = await two({ name: 'A' })
  await other.put({ ...there, data: { name: 'in the way' } })
  await other.sync()
  await one.patch(here, { set: { name: 'B' } })
  await one.move(here, south)
  await one.sync()
  expect(await one.get(here)).toMatchObject({ data: { name: 'A' }, syncStatus: 'synced' })
  expect(await one.get(there)).toMatchObject({ data: { name: 'in the way' } })
  const [letter] = await one.deadLetters()
  expect(letter).toMatchObject({ code: 'invalid_change' })
  await other.remove(there)
  await settle(other, one)
  expect(await one.retryDeadLetter(letter?.operation.opId ?? '')).toBe(true)
  await alike(one, other)
  expect((await rows(id))[south]).toEqual({ name: 'B' })
})

test('a move in conflict leaves the record where it is, and the device its own side', async () => {
  const { one, other, here, there, north, south, id } = await two({ name: 'A' }, 'orders')
  await other.put({ ...here, data: { name: 'theirs' } })
  await other.sync()
  await one.put({ ...here, data: { name: 'mine' } })
  await one.move(here, south)
  expect(await one.sync()).toMatchObject({ conflicts: 1 })
  expect(await one.get(there)).toBeUndefined()
  expect(await one.get(here)).toMatchObject({ data: { name: 'mine' }, syncStatus: 'conflict' })
  await expect(one.move(here, south)).rejects.toMatchObject({ code: 'cannot_move_now' })
  await one.rebase(here, { name: 'both' })
  await one.move(here, south)
  await alike(one, other)
  expect(await rows(id)).toEqual({ [north]: null, [south]: { name: 'both' } })
})

test('nobody moves a record to where he may not, nor edits it where it was', async () => {
  const { one, here, there, south, north } = await two({ name: 'A' })
  await expect(one.move(here, 'elsewhere')).rejects.toMatchObject({ code: 'scope_not_granted' })
  await expect(one.move(there, north)).rejects.toMatchObject({ code: 'no_such_record' })
  await one.move(here, south)
  await expect(one.put({ ...here, data: { name: 'B' } })).rejects.toMatchObject({ code: 'no_such_record' })
  expect(await one.list({ table: 'sites', scope: north })).toEqual([])
  expect(await one.list({ table: 'sites', scope: south })).toHaveLength(1)
})
