import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Device } from '#lib/client/index.ts'
import { crdtValue } from '#lib/core/crdt/types.ts'
import { isJsonObject } from '#lib/core/json.ts'
import { everybody, type Everybody } from '#lib/server/testing/everybody.ts'
import { putPolicy } from '#lib/server/testing/raw-device.ts'
import { Chance } from '#lib/sim/fleet/chance.ts'
import { Crew } from '#lib/sim/fleet/crew.ts'
import type { RegisterRecord } from '#lib/sim/fleet/register.ts'
import { REGISTER_TABLES, VISIT_TABLES } from '#lib/sim/fleet/tables.ts'
import { enrolledDevice } from './testing/device.ts'

const table = 'operators/power/line'
const first = {
  displayName: 'Northern Powergrid',
  locationSet: { include: ['gb-eng'] },
  tags: { power: 'line' },
}
let callers: Everybody

beforeAll(async () => {
  callers = await everybody()
  for (const [name, policy] of Object.entries({ ...REGISTER_TABLES, ...VISIT_TABLES })) {
    await putPolicy(callers.own.db, { name, ...policy })
  }
})
afterAll(() => callers.close())

/** Two crews with a site of the register in front of them. */
async function twoCrews() {
  const scope = randomUUID()
  const record: RegisterRecord = { table, id: randomUUID(), scope, first, isInitial: true, edits: [] }
  const crewOf = async (name: string) => {
    const device = await enrolledDevice(callers, { scopes: [scope], name })
    const chance = new Chance(name)
    return { device, crew: new Crew({ device, name, records: [record], chance, isCareless: false }) }
  }
  const [one, two] = [await crewOf('One'), await crewOf('Two')]
  await one.device.put({ table, id: record.id, scope, data: first })
  await one.device.sync()
  await two.device.sync()
  const site = async (device: Device) => (await device.get({ table, id: record.id, scope }))?.data
  const counted = async (device: Device, field: 'visits' | 'seals') => {
    const state = (await site(device))?.[field]
    return isJsonObject(state) ? crdtValue(state) : null
  }
  const sagaOf = async (device: Device) =>
    (await callers.own.db.saga.findMany({ where: { deviceId: device.id } })).map(({ state }) => state)
  return { scope, record, one, two, site, counted, sagaOf }
}

describe('crews of the demo fleet against the product', () => {
  test('visit a site at the same time: each is a saga of its own, and both are counted', async () => {
    const { scope, record, one, two, counted, sagaOf } = await twoCrews()
    for (const { crew } of [one, two]) expect(await crew.visit(record, 'plain', Date.now())).toBe(true)
    for (const { device } of [one, two, one]) await device.sync()
    for (const { device } of [one, two]) {
      expect(await counted(device, 'visits')).toBe(2)
      expect(await device.list({ table: 'visits', scope })).toHaveLength(2)
      expect(await sagaOf(device)).toEqual(['completed'])
      expect(await device.conflicts()).toEqual([])
    }
  })

  test('order more than they may: the whole visit is undone', async () => {
    const { scope, record, one, two, site, counted, sagaOf } = await twoCrews()
    await one.crew.visit(record, 'refused', Date.now())
    for (const { device } of [one, one, two]) await device.sync()
    expect(await sagaOf(one.device)).toEqual(['compensated'])
    for (const { device } of [one, two]) {
      expect(await counted(device, 'visits')).toBe(0)
      expect((await site(device))?.['tags']).toEqual(first.tags)
      expect(await device.list({ table: 'visits', scope })).toEqual([])
    }
    expect((await one.device.deadLetters()).map(({ code }) => code)).toEqual(['business_rule'])
  })

  test('cannot take a seal back: that is for a person to settle', async () => {
    const { record, one, sagaOf } = await twoCrews()
    await one.crew.visit(record, 'sealed', Date.now())
    await one.device.sync()
    expect(await sagaOf(one.device)).toEqual(['stuck'])
    const open = await callers.own.db.conflict.findMany({ where: { recordId: record.id, state: 'open' } })
    expect(open).toHaveLength(1)
  })

  test('write remarks on the same site while apart: both are kept', async () => {
    const { record, one, two, site } = await twoCrews()
    await one.crew.writeField(record, { field: 'remarks', value: 'Fence repaired.' })
    await one.device.sync()
    await two.device.sync()
    await one.crew.writeField(record, { field: 'remarks', value: 'Key at the gatehouse.' })
    await two.crew.writeField(record, { field: 'remarks', value: 'Beware of the dog.' })
    for (const { device } of [one, two, one]) await device.sync()
    for (const { device } of [one, two]) {
      expect((await site(device))?.['remarks']).toBe(
        'Beware of the dog. Fence repaired. Key at the gatehouse. ',
      )
    }
  })
})
