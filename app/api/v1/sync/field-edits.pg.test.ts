import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createMemoryStore, crdtValue, type Device, type FieldEdits } from '#lib/client/index.ts'
import type { Json, JsonObject } from '#lib/core/json.ts'
import { everybody, type Everybody } from '#lib/server/testing/everybody.ts'
import { putPolicy } from '#lib/server/testing/raw-device.ts'
import { enrolledDevice, openDevice } from './testing/device.ts'

let callers: Everybody

beforeAll(async () => {
  callers = await everybody()
  await putPolicy(callers.own.db, {
    name: 'stock',
    strategy: 'merge',
    fields: {
      count: { strategy: 'crdt', type: 'pn-counter' },
      visits: { strategy: 'crdt', type: 'g-counter' },
      tags: { strategy: 'crdt', type: 'or-set' },
      seen: { strategy: 'crdt', type: 'g-set' },
      'look.colour': { strategy: 'crdt', type: 'lww-register' },
      body: { strategy: 'crdt', type: 'text' },
      note: { strategy: 'ot' },
    },
  })
})
afterAll(() => callers.close())

/** Two devices that have one record. */
async function two(data: JsonObject, first: FieldEdits = {}) {
  const scopes = [randomUUID()]
  const [one, other] = [await enrolledDevice(callers, { scopes }), await enrolledDevice(callers, { scopes })]
  const { id } = await one.put({ table: 'stock', data })
  const ref = { table: 'stock', id }
  if (Object.keys(first).length > 0) await one.edit(ref, first)
  await one.sync()
  await other.sync()
  return { one, other, ref }
}

/** Both sync until neither has anything new; what both then show. */
async function settle(devices: readonly Device[], ref: { table: string; id: string }) {
  for (const device of [...devices, ...devices]) {
    expect(await device.sync()).toMatchObject({ outcome: 'complete', conflicts: 0, rejected: 0 })
  }
  const shown = await Promise.all(devices.map((device) => device.get(ref)))
  for (const record of shown) expect(record).toMatchObject({ syncStatus: 'synced', data: shown[0]?.data })
  return shown[0]?.data ?? {}
}

const value = (state: Json | undefined) => crdtValue(state as JsonObject)

test('what two devices count, tag, set and type while they are away is all there, on both', async () => {
  const { one, other, ref } = await two({ name: 'Bolt' }, { count: { increment: 10 }, tags: { add: 'old' } })
  await one.edit(ref, {
    count: { increment: 3 },
    visits: { increment: 1, type: 'g-counter' },
    tags: { remove: 'old' },
    seen: { add: 'one', type: 'g-set' },
    'look.colour': { assign: 'red' },
  })
  await one.edit(ref, { count: { increment: -1 }, tags: { add: 'new' } })
  await other.edit(ref, {
    count: { increment: -4 },
    visits: { increment: 2, type: 'g-counter' },
    tags: { add: 'other' },
    seen: { add: 'two', type: 'g-set' },
  })
  await other.edit(ref, { count: { increment: 5 }, 'look.colour': { assign: 'blue' } })
  const data = await settle([one, other], ref)
  expect(value(data['count'])).toBe(13)
  expect(value(data['visits'])).toBe(3)
  expect(value(data['tags'])).toEqual(['new', 'other'])
  expect(value(data['seen'])).toEqual(['one', 'two'])
  expect(value((data['look'] as JsonObject)['colour'])).toBe('blue')
  expect(data['name']).toBe('Bolt')
})

test('a copy of a device and its original both count, and each of the increments counts once', async () => {
  const [storage, scopes] = [createMemoryStore(), [randomUUID()]]
  const original = await enrolledDevice(callers, { scopes, storage })
  const { id } = await original.put({ table: 'stock', data: {} })
  const ref = { table: 'stock', id }
  const up: FieldEdits = { count: { increment: 1 }, visits: { increment: 1, type: 'g-counter' } }
  await original.edit(ref, up)
  await original.sync()
  // Not sent yet when the copy is made, so both have it.
  await original.edit(ref, up)
  const copy = await openDevice({ storage: createMemoryStore(storage.image()) })
  expect(copy.id).toBe(original.id)
  await original.edit(ref, { count: { increment: 10 } })
  await copy.edit(ref, { count: { increment: 100 }, visits: { increment: 5 } })
  await original.sync()
  await original.edit(ref, { count: { increment: 20 } })
  const data = await settle([copy, original], ref)
  expect(value(data['count'])).toBe(132)
  expect(value(data['visits'])).toBe(7)
})

test('two that type into one Yjs text, in several sittings, lose no letter', async () => {
  const { one, other, ref } = await two({}, { body: { text: [{ insert: 'middle' }], type: 'text' } })
  for (const round of [1, 2, 3]) {
    await one.edit(ref, { body: { text: [{ insert: `<${round}` }] } })
    await other.edit(ref, { body: { text: [{ insert: `(${round}` }] } })
    const shown = value((await other.get(ref))?.data['body']) as string
    await other.edit(ref, { body: { text: [{ retain: shown.length }, { insert: `${round})` }] } })
    await one.sync()
    if (round === 2) await other.sync()
  }
  const text = value((await settle([one, other], ref))['body']) as string
  for (const part of ['<1', '<2', '<3', '(1', '(2', '(3', '1)', '2)', '3)', 'middle']) {
    expect(text).toContain(part)
  }
  expect(text).toHaveLength(6 + 9 * 2)
})

test('a text of letters that are alike merges by what was done, not by what it looks like', async () => {
  const { one, other, ref } = await two({ note: 'aaaa' })
  await one.edit(ref, { note: { text: [{ retain: 1 }, { insert: 'X' }] } })
  await one.sync()
  // That it was the first letter that went, only the steps tell.
  await other.edit(ref, { note: { text: [{ delete: 1 }] } })
  await other.edit(ref, { note: { text: [{ retain: 3 }, { insert: 'c' }] } })
  expect((await settle([one, other], ref))['note']).toBe('Xaaac')
})

test('edits of a text in chains, while others edit it, are made where they were meant', async () => {
  const { one, other, ref } = await two({ note: 'one two' })
  await other.edit(ref, { note: { text: [{ insert: 'zero ' }] } })
  await one.saga([{ ...ref, data: { note: 'one two three' } }])
  await one.edit(ref, { note: { text: [{ retain: 13 }, { insert: ' four' }] } })
  await one.sync()
  await other.sync()
  await one.edit(ref, { note: { text: [{ delete: 4 }] } })
  expect((await settle([one, other], ref))['note']).toBe('zero two three four')
})
