import { randomUUID } from 'node:crypto'
import { TransportError, type Device, type Transport } from '#lib/client/index.ts'
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

export async function enrolDevice(baseUrl: string, name: string, scope: string): Promise<FieldDevice> {
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
    scopes: [scope],
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
