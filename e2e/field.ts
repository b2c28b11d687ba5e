import { createHash, randomUUID } from 'node:crypto'
import { TransportError, type Device, type Transport } from '#lib/client/index.ts'
import { formatHlc, hlcNode } from '#lib/core/hlc.ts'
import type { JsonObject } from '#lib/core/json.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import type { ChangeInput, SyncReply } from '#lib/protocol/sync.ts'
import { readToken, writeToken } from '#lib/server/sync/token.ts'
import { createNodeDevice, createNodeTransport } from '#lib/sim/node-device.ts'
import { expect, type APIRequestContext } from '@playwright/test'
import { keys } from './accounts.ts'

/** Gives a table its policy. */
export async function putTable(api: APIRequestContext, name: string, policy: object): Promise<void> {
  const reply = await api.put(`/api/v1/tables/${encodeURIComponent(name)}`, { data: policy })
  expect(reply.ok(), await reply.text()).toBe(true)
}

/** A real device of the library over HTTP, whose network can be cut. */
export type FieldDevice = Device & {
  name: string
  /** Lets this many more requests through, then none; null lets all through. */
  cutAfter: (requests: number | null) => void
}

export async function enrolDevice(baseUrl: string, name: string, ...scopes: string[]): Promise<FieldDevice> {
  let left: number | null = null
  const network = createNodeTransport(baseUrl)
  const transport: Transport = {
    send(request) {
      if (left !== null && left-- <= 0) throw new TransportError('network', 'the network was cut')
      return network.send(request)
    },
  }
  // No waiting between attempts: a test wants to see the failure, not its schedule.
  const device = await createNodeDevice({
    baseUrl,
    transport,
    policy: { backoff: { baseDelayMs: 1, maxDelayMs: 1, maxRetries: 0 } },
  })
  const unique = `${name} ${randomUUID().slice(0, 4)}`
  await device.enroll({
    enrollmentKey: keys.enrollment,
    name: unique,
    platform: 'android',
    appVersion: '3.4.1',
    scopes,
  })
  return Object.assign(device, {
    name: unique,
    cutAfter: (requests: number | null) => {
      left = requests
    },
  })
}

/** Two devices that edited the same field of the same record while apart: the second is in conflict. */
export async function makeConflict(baseUrl: string, api: APIRequestContext) {
  const scope = `site-${randomUUID().slice(0, 6)}`
  await putTable(api, 'pumps', { strategy: 'merge' })
  const first = await enrolDevice(baseUrl, 'Tablet A', scope)
  const second = await enrolDevice(baseUrl, 'Tablet B', scope)
  const { id } = await first.put({
    table: 'pumps',
    scope,
    data: { name: 'Pump 7', phone: '111', note: 'ok' },
  })
  await first.sync()
  await second.sync()
  await first.put({ table: 'pumps', id, scope, data: { name: 'Pump 7', phone: '222', note: 'ok' } })
  await second.put({ table: 'pumps', id, scope, data: { name: 'Pump 7', phone: '333', note: 'leaks' } })
  await first.sync()
  await second.sync()
  const [conflict] = await second.conflicts()
  if (!conflict) throw new Error('the edits did not clash')
  return { first, second, ref: { table: 'pumps', id, scope } }
}

/** Two devices that edited one record while apart: one field clashes, the others merge or join. */
export async function makeFieldConflict(baseUrl: string, api: APIRequestContext) {
  const scope = `site-${randomUUID().slice(0, 6)}`
  await putTable(api, 'assets', {
    strategy: 'merge',
    fields: {
      visits: { strategy: 'crdt', type: 'pn-counter' },
      tags: { strategy: 'crdt', type: 'or-set' },
      story: { strategy: 'crdt', type: 'text' },
      remarks: { strategy: 'ot' },
    },
  })
  const first = await enrolDevice(baseUrl, 'Tablet A', scope)
  const second = await enrolDevice(baseUrl, 'Tablet B', scope)
  const data = { name: 'Transformer 12', owner: 'North', phone: '111', remarks: 'The door sticks.' }
  const { id } = await first.put({ table: 'assets', scope, data })
  const ref = { table: 'assets', id, scope }
  await first.edit(ref, {
    visits: { increment: 2, type: 'pn-counter' },
    tags: { add: 'inspected', type: 'or-set' },
    story: { text: [{ insert: 'Built in 1987.' }], type: 'text' },
  })
  await first.sync()
  await second.sync()
  await first.edit(ref, {
    visits: { increment: 1 },
    tags: { add: 'urgent' },
    story: { text: [{ retain: 14 }, { insert: ' Rebuilt in 2003.' }] },
    remarks: { text: [{ retain: 16 }, { insert: ' Oil needed.' }] },
  })
  await first.patch(ref, { set: { owner: 'North-East', phone: '222' } })
  await second.edit(ref, {
    visits: { increment: -1 },
    tags: { add: 'photographed' },
    story: { text: [{ insert: 'The old one. ' }] },
    remarks: { text: [{ insert: 'Seen twice. ' }] },
  })
  await second.patch(ref, { set: { owner: 'Central', note: 'hums at night' } })
  await first.sync()
  await second.sync()
  expect(await second.conflicts()).toHaveLength(1)
  return { first, second, ref }
}

/** A device that moved a record which another had edited, in a table that leaves every clash to a person. */
export async function makeMoveConflict(baseUrl: string, api: APIRequestContext) {
  const [here, there] = [`north-${randomUUID().slice(0, 6)}`, `south-${randomUUID().slice(0, 6)}`]
  await putTable(api, 'poles', { strategy: 'manual' })
  const mover = await enrolDevice(baseUrl, 'Phone N', here, there)
  const editor = await enrolDevice(baseUrl, 'Phone O', here, there)
  const { id } = await mover.put({ table: 'poles', scope: here, data: { name: 'Pole 9', height: 12 } })
  const ref = { table: 'poles', id, scope: here }
  await mover.sync()
  await editor.sync()
  await editor.patch(ref, { set: { height: 14 } })
  await editor.sync()
  await mover.patch(ref, { set: { name: 'Pole 9b' } })
  await mover.move(ref, there)
  await mover.sync()
  expect(await mover.conflicts()).toHaveLength(1)
  return { mover, ref, there }
}

/**
 * A device comes with a token of this server's that lies past what the server has: all that a server which was put back
 * from a backup ever sees of that.
 */
export async function showLostHistory(baseUrl: string): Promise<void> {
  const scope = `site-${randomUUID().slice(0, 6)}`
  const device = await sagaDevice(baseUrl, scope)
  const { sync_token } = await device.sync([])
  const token = sync_token === null ? null : readToken(sync_token, keys.token)
  if (!token) throw new Error('the token is not signed with the secret that the server was started with')
  token.positions.set(scope, 7)
  await device.sync([], writeToken(token, keys.token))
}

/** A change that breaks its table's rule: it is in the dead letters. */
export async function makeDeadLetter(baseUrl: string, api: APIRequestContext) {
  const scope = `site-${randomUUID().slice(0, 6)}`
  await putTable(api, 'meters', {
    strategy: 'merge',
    rules: [{ rule: 'self.reading >= 0', message: 'is never negative', field: 'reading' }],
  })
  const device = await enrolDevice(baseUrl, 'Phone C', scope)
  const other = await enrolDevice(baseUrl, 'Phone D', scope)
  const { id } = await device.put({ table: 'meters', scope, data: { reading: -41, unit: 'm3' } })
  await device.sync()
  const [letter] = await device.deadLetters()
  if (!letter) throw new Error('the change was not refused')
  return { device, other, ref: { table: 'meters', id, scope } }
}

/** Steps of a saga as a device sends them, by hand: each a record of its own unless it says another. */
export async function sagaDevice(baseUrl: string, scope: string) {
  const ids = { device_id: randomUUID(), incarnation: randomUUID() }
  const send = async (path: string, body: object, token?: string) => {
    const reply = await fetch(`${baseUrl}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify(body),
    })
    expect(reply.ok, await reply.clone().text()).toBe(true)
    return reply.json()
  }
  const name = `Till ${randomUUID().slice(0, 4)}`
  const enrolled = (await send('/api/v1/enroll', {
    ...{
      ...ids,
      enrollment_key: keys.enrollment,
      name,
      platform: 'android',
      app_version: '3.4.1',
      scopes: [scope],
    },
  })) as { device_token: string }
  let seq = 0
  let tick = Date.now()
  const change = (over: Partial<ChangeInput> & { table: string; data: JsonObject }): ChangeInput => ({
    ...{
      op_id: randomUUID(),
      seq: ++seq,
      operation: 'CREATE',
      record_id: randomUUID(),
      base_version: 0,
      scope,
    },
    hlc: formatHlc({ millis: ++tick, counter: 0, node: hlcNode(ids.device_id) }),
    checksum: recordChecksum(over.data, (text) => createHash('sha256').update(text).digest('hex')),
    ...over,
  })
  return {
    id: ids.device_id,
    name,
    change,
    sync: (changes: ChangeInput[], syncToken: string | null = null): Promise<SyncReply> =>
      send(
        '/api/v1/sync',
        { protocol: 1, ...ids, changes, last_sync_token: syncToken },
        enrolled.device_token,
      ) as Promise<SyncReply>,
  }
}

/** Orders of a till: one that was undone, one whose undoing waits for a person, one that still runs. */
export async function makeSagas(baseUrl: string, api: APIRequestContext) {
  const scope = `shop-${randomUUID().slice(0, 6)}`
  await putTable(api, 'orders', { strategy: 'merge' })
  await putTable(api, 'stock', {
    strategy: 'merge',
    rules: [{ rule: 'self.left >= 0', message: 'is never negative', field: 'left' }],
  })
  const till = await sagaDevice(baseUrl, scope)
  const saga = (id: string, step: number, steps = 3) => ({ saga: { id, step, steps } })
  const [compensated, stuck, running] = [randomUUID(), randomUUID(), randomUUID()]
  await till.sync([
    till.change({ table: 'orders', data: { customer: 'A. Keller', total: 80 }, ...saga(compensated, 1) }),
    till.change({ table: 'stock', data: { item: 'valve', left: -1 }, ...saga(compensated, 2) }),
    till.change({ table: 'orders', data: { receipt: 'R-1' }, ...saga(compensated, 3) }),
  ])
  const shelf = till.change({ table: 'stock', data: { item: 'pump', left: 9 } })
  await till.sync([shelf])
  const take = (base_version: number, left: number) => ({
    ...{ table: 'stock', operation: 'UPDATE' as const, record_id: shelf.record_id, base_version },
    data: { item: 'pump', left },
  })
  await till.sync([till.change({ ...take(1, 8), ...saga(stuck, 1) })])
  const other = await sagaDevice(baseUrl, scope)
  await other.sync([other.change(take(2, 7))])
  await till.sync([
    till.change({ table: 'orders', data: { customer: 'B. Roth' }, ...saga(stuck, 2) }),
    till.change({ table: 'stock', data: { item: 'hose', left: -2 }, ...saga(stuck, 3) }),
  ])
  await till.sync([till.change({ table: 'orders', data: { customer: 'C. Ott' }, ...saga(running, 1) })])
  return { till, compensated, stuck, running }
}
