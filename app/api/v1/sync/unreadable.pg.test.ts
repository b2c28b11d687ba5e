import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Transport } from '#lib/client/index.ts'
import { everybody, type Everybody } from '#lib/server/testing/everybody.ts'
import { putPolicy } from '#lib/server/testing/raw-device.ts'
import { enrolledDevice, routeTransport } from './testing/device.ts'

let callers: Everybody
beforeAll(async () => {
  callers = await everybody()
  await putPolicy(callers.own.db, { name: 'sites', strategy: 'lww' })
})
afterAll(() => callers.close())

test('an operation whose name never arrives whole is given up, and leaves no hole behind', async () => {
  const damaged: Transport = {
    send: (request) =>
      routeTransport.send({
        ...request,
        body: request.body?.replace(/"op_id":"[^"]*(","seq":1,)/, '"op_id":"damaged$1') ?? null,
      }),
  }
  const device = await enrolledDevice(callers, { scopes: [randomUUID()], transport: damaged })
  await device.put({ table: 'sites', data: { n: 1 } })
  expect(await device.sync()).toMatchObject({ outcome: 'complete', rejected: 1 })
  const holes = () => callers.own.db.streamHole.findMany({ where: { deviceId: device.id } })
  expect(await holes()).toMatchObject([{ seq: 1n, opId: null }])
  await device.sync()
  expect(await holes()).toEqual([])
  expect(await device.deadLetters()).toMatchObject([{ code: 'retries_exceeded', isReported: true }])
  await device.put({ table: 'sites', data: { n: 2 } })
  expect(await device.sync()).toMatchObject({ outcome: 'complete', accepted: 1 })
})
