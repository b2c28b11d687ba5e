import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { putPolicy, RawDevice } from '../testing/raw-device.ts'
import { serverEngine } from './server-engine.ts'
import { writeRecord } from './write.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
  for (const strategy of ['lww', 'fww', 'manual', 'merge'] as const) {
    await putPolicy(database.db, { name: strategy, strategy })
  }
  await putPolicy(database.db, { name: 'things' })
})
afterAll(() => database.close())

const device = (scopes?: string[]) => RawDevice.enrol(database.db, scopes)
const recordOf = (id: string) => database.db.record.findFirst({ where: { id } })

describe('edits of one record', () => {
  const made = async (table: string) => {
    const [a, b] = [await device(), await device()]
    const create = a.change({ table, data: { name: 'Pump', phone: '1', tags: { x: 1, y: 1 } } })
    await a.sync([create])
    const edit = (of: RawDevice, data: Record<string, never> | object, over: object = {}) =>
      of.change({
        table,
        operation: 'UPDATE',
        record_id: create.record_id,
        base_version: 1,
        data: data as never,
        ...over,
      })
    return { a, b, create, edit }
  }

  test('three edits offline never conflict with themselves, in one batch or in three', async () => {
    for (const table of ['lww', 'fww', 'manual', 'merge']) {
      const a = await device()
      const create = a.change({ table, data: { n: 0 } })
      const over = { table, operation: 'UPDATE' as const, record_id: create.record_id }
      const second = a.change({ ...over, base_op_id: create.op_id, data: { n: 1 } })
      const third = a.change({ ...over, base_op_id: second.op_id, data: { n: 2 } })
      const fourth = a.change({ ...over, base_op_id: third.op_id, data: { n: 3 } })
      const replies = [await a.send([create, second]), await a.send([third]), await a.send([fourth])]
      expect(
        replies.flatMap(({ accepted }) => accepted.map(({ outcome, version }) => [outcome, version])),
      ).toEqual([
        ['applied', 1],
        ['applied', 2],
        ['applied', 3],
        ['applied', 4],
      ])
    }
  })

  test('merge: different fields, nested ones too, are both kept; the base of a second edit is what the first pushed', async () => {
    const { a, b, create, edit } = await made('merge')
    await a.sync([edit(a, { name: 'Pump', phone: '1', tags: { x: 2, y: 1 } })])
    const first = edit(b, { name: 'Pump', phone: '2', tags: { x: 1, y: 1 } })
    const second = edit(b, { name: 'Pump', phone: '2', tags: { x: 1, y: 9 } }, { base_op_id: first.op_id })
    const reply = await b.send([first, second])
    expect(reply.accepted).toMatchObject([
      { outcome: 'merged', version: 3, data: { phone: '2', tags: { x: 2, y: 1 } } },
      { outcome: 'merged', version: 4, data: { name: 'Pump', phone: '2', tags: { x: 2, y: 9 } } },
    ])
    expect((await recordOf(create.record_id))?.data).toEqual({
      name: 'Pump',
      phone: '2',
      tags: { x: 2, y: 9 },
    })
  })

  test('merge: the same field waits for a person, both values and the base kept; later edits join the same conflict', async () => {
    const { a, b, create, edit } = await made('merge')
    await a.sync([edit(a, { name: 'Pump', phone: '3', tags: {} })])
    const clash = edit(b, { name: 'Pump B', phone: '4', tags: { x: 1, y: 1 } })
    const more = edit(b, { name: 'Pump C', phone: '4', tags: { x: 1, y: 1 } }, { base_op_id: clash.op_id })
    const reply = await b.send([clash])
    const next = await b.send([more])
    expect(reply.conflicts).toMatchObject([
      {
        code: 'manual',
        fields: ['phone'],
        server_version: 2,
        server_data: { phone: '3' },
        base_data: { name: 'Pump', phone: '1' },
      },
    ])
    expect(next.conflicts[0]?.conflict_id).toBe(reply.conflicts[0]?.conflict_id)
    expect(await database.db.conflict.findMany({ where: { recordId: create.record_id } })).toMatchObject([
      {
        state: 'open',
        opId: clash.op_id,
        laterOpIds: [more.op_id],
        fields: ['name', 'phone'],
        clientData: { name: 'Pump C' },
        serverVersion: 2,
      },
    ])
    expect((await recordOf(create.record_id))?.version).toBe(2)
  })

  test('lww: the later clock wins; what loses is kept in the log', async () => {
    const { a, b, create, edit } = await made('lww')
    const early = edit(b, { name: 'early' })
    await a.sync([edit(a, { name: 'late' })])
    const reply = await b.send([early])
    expect(reply.accepted).toMatchObject([{ outcome: 'superseded', version: 2, data: { name: 'late' } }])
    const log = await database.db.feedChange.findMany({
      where: { recordId: create.record_id },
      orderBy: { committedAt: 'asc' },
    })
    expect(log.at(-1)).toMatchObject({
      effect: 'NONE',
      outcome: 'superseded',
      lost: [{ path: '', from: 'client', value: { name: 'early' } }],
    })
    const latest = await b.send([edit(b, { name: 'latest' })])
    expect(latest.accepted).toMatchObject([{ outcome: 'applied', version: 3 }])
  })

  test('fww: the second is refused with what is there; the attempt is in the log', async () => {
    const { a, b, edit } = await made('fww')
    await a.sync([edit(a, { name: 'first' })])
    const reply = await b.send([edit(b, { name: 'second' })])
    expect(reply.conflicts).toMatchObject([
      {
        code: 'stale_version',
        conflict_id: null,
        server_version: 2,
        server_data: { name: 'first' },
        base_data: { name: 'Pump' },
      },
    ])
  })

  test('a deleted record lives again only by an explicit create', async () => {
    const { a, b, create, edit } = await made('lww')
    await a.sync([
      a.change({ table: 'lww', operation: 'DELETE', record_id: create.record_id, base_version: 1 }),
    ])
    const stale = await b.send([edit(b, { name: 'ghost' }, { base_version: 2 })])
    expect(stale.rejected).toMatchObject([{ code: 'unknown_base' }])
    const again = await b.send([
      b.change({ table: 'lww', record_id: create.record_id, data: { name: 'new' } }),
    ])
    expect(again.accepted).toMatchObject([{ outcome: 'applied', version: 3 }])
  })

  test('a record moves between scopes: LEAVE in the old one, UPSERT in the new', async () => {
    const a = await device(['north', 'south'])
    const [north, south] = [await device(['north']), await device(['south'])]
    const create = a.change({ scope: 'north' })
    await a.sync([create])
    await north.sync()
    const move = a.change({
      ...{ operation: 'UPDATE' as const, record_id: create.record_id, base_version: 1 },
      scope: 'south',
      from_scope: 'north',
      data: { name: 'moved' },
    })
    expect((await a.sync([move])).accepted).toMatchObject([{ outcome: 'applied', version: 2 }])
    expect((await north.sync()).server_changes).toMatchObject([
      { operation: 'LEAVE', scope: 'north', record_id: create.record_id, data: null },
    ])
    expect((await south.sync()).server_changes).toMatchObject([
      { operation: 'UPSERT', scope: 'south', version: 2, data: { name: 'moved' } },
    ])
  })

  test('an edit follows its record also where the place that it left was deleted again', async () => {
    const [a, away] = [await device(['east', 'west']), await device(['east', 'west'])]
    const create = a.change({ table: 'merge', scope: 'east', data: { a: 1, b: 1 } })
    const edit = (of: RawDevice, over: object) =>
      of.change({
        ...{ table: 'merge', operation: 'UPDATE', record_id: create.record_id, base_version: 1 },
        ...over,
      })
    await a.send([create, edit(a, { scope: 'west', from_scope: 'east', data: { a: 1, b: 2 } })])
    const deletion = {
      ...{ op_id: randomUUID(), table: 'merge', record_id: create.record_id, scope: 'east', data: null },
      ...{ operation: 'DELETE' as const, base_version: 2 },
    }
    await writeRecord(
      {
        ...{ by: { kind: 'person', id: 'p' }, mode: 'exact', audit: [], traceId: '0'.repeat(32) },
        change: deletion,
      },
      serverEngine(database.db),
    )
    const { accepted } = await away.send([edit(away, { scope: 'east', data: { a: 9, b: 1 } })])
    expect(accepted).toMatchObject([{ outcome: 'merged', scope: 'west', data: { a: 9, b: 2 } }])
    const rows = await database.db.record.findMany({ where: { id: create.record_id } })
    expect(rows.filter(({ deleted }) => !deleted)).toMatchObject([{ scope: 'west' }])
  })

  test('an edit follows its record through moves of its own batch, and stays where one of them brings it back', async () => {
    const [a, other] = [await device(['east', 'west']), await device(['east', 'west'])]
    const create = a.change({ table: 'merge', scope: 'east', data: { a: 1, b: 1 } })
    const edit = (of: RawDevice, base_version: number, over: object) =>
      of.change({
        ...{ table: 'merge', operation: 'UPDATE', record_id: create.record_id, base_version },
        ...over,
      })
    const away = edit(a, 1, { scope: 'west', from_scope: 'east', data: { a: 1, b: 2 } })
    const late = edit(a, 1, { scope: 'east', data: { a: 9, b: 1 } })
    expect((await a.send([create, away, late])).accepted.slice(1)).toMatchObject([
      { outcome: 'applied', version: 2 },
      { outcome: 'merged', version: 3, scope: 'west', data: { a: 9, b: 2 } },
    ])
    const back = edit(other, 3, { scope: 'east', from_scope: 'west', data: { a: 9, b: 2 } })
    const next = edit(other, 3, { scope: 'east', base_op_id: back.op_id, data: { a: 9, b: 3 } })
    expect((await other.send([back, next])).accepted).toMatchObject([
      { outcome: 'applied', version: 4 },
      { outcome: 'applied', version: 5 },
    ])
    const rows = await database.db.record.findMany({ where: { id: create.record_id } })
    expect(rows.filter(({ deleted }) => !deleted)).toMatchObject([{ scope: 'east', data: { a: 9, b: 3 } }])
  })
})
