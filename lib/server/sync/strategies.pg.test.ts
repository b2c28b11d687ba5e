import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { incrementPnCounter, pnCounter, type PnCounter } from '#lib/core/crdt/pn-counter.ts'
import { addToOrSet, emptyOrSet, removeFromOrSet } from '#lib/core/crdt/or-set.ts'
import { setLwwRegister } from '#lib/core/crdt/lww-register.ts'
import { editText, emptyText, textOf, type TextState } from '#lib/core/crdt/text.ts'
import { formatHlc, hlcNode } from '#lib/core/hlc.ts'
import type { JsonObject } from '#lib/core/json.ts'
import type { TextOps } from '#lib/core/text/delta.ts'
import type { ChangeInput } from '#lib/protocol/sync.ts'
import { serverEngine } from './server-engine.ts'
import { writeRecord } from './write.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { putPolicy, RawDevice } from '../testing/raw-device.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
  await putPolicy(database.db, { name: 'stock', strategy: 'crdt' })
  await putPolicy(database.db, {
    name: 'mixed',
    strategy: 'merge',
    fields: { 'parts.count': { strategy: 'crdt', type: 'pn-counter' } },
  })
  await putPolicy(database.db, { name: 'notes', strategy: 'ot' })
  await putPolicy(database.db, { name: 'clocked', strategy: 'merge', tiebreak: 'lww' })
})
afterAll(() => database.close())

/** Two devices that know version 1 of one record. */
async function shared(table: string, given: JsonObject | ((a: string) => JsonObject)) {
  const [a, b] = [await RawDevice.enrol(database.db), await RawDevice.enrol(database.db)]
  const data = typeof given === 'function' ? given(a.id) : given
  const create = a.change({ table, data })
  const made = await a.sync([create])
  expect(made.accepted).toMatchObject([{ outcome: 'applied', version: 1 }])
  const edit = (of: RawDevice, data: JsonObject, over: Parameters<RawDevice['change']>[0] = {}) =>
    of.change({ table, operation: 'UPDATE', record_id: create.record_id, base_version: 1, data, ...over })
  const row = () => database.db.record.findFirstOrThrow({ where: { id: create.record_id } })
  const log = () =>
    database.db.feedChange.findMany({
      where: { recordId: create.record_id },
      orderBy: { afterVersion: 'asc' },
    })
  return { a, b, id: create.record_id, edit, row, log, data: async () => (await row()).data as JsonObject }
}

describe('crdt', () => {
  const empty: PnCounter = { $crdt: 'pn-counter', inc: {}, dec: {} }

  test('counters, sets and texts of two devices come to one state, in chains and across batches', async () => {
    const { a, b, edit, data } = await shared('stock', { count: empty, tags: emptyOrSet, note: emptyText })
    const state = (count: PnCounter, tags: JsonObject, note: TextState) => ({ count, tags, note })
    const first = edit(
      a,
      state(
        incrementPnCounter(empty, a.id, 3),
        addToOrSet(emptyOrSet, 'red', 't1'),
        editText(emptyText, 1, [{ at: 0, insert: 'Hello' }]),
      ),
    )
    expect((await a.sync([first])).accepted).toMatchObject([{ outcome: 'applied' }])

    const ours = addToOrSet(emptyOrSet, 'blue', 't2')
    const text = editText(emptyText, 2, [{ at: 0, insert: 'World' }])
    const one = edit(b, state(incrementPnCounter(empty, b.id, 5), ours, text))
    const more = incrementPnCounter(incrementPnCounter(empty, b.id, 5), b.id, -2)
    const two = edit(
      b,
      state(more, removeFromOrSet(ours, 'blue'), editText(text, 2, [{ at: 5, insert: '!' }])),
      {
        base_op_id: one.op_id,
      },
    )
    expect((await b.send([one])).accepted).toMatchObject([{ outcome: 'merged', version: 3 }])
    expect((await b.send([two])).accepted).toMatchObject([{ outcome: 'merged', version: 4 }])

    const end = await data()
    expect(pnCounter.value(end['count'] as PnCounter)).toBe(6)
    expect(end['tags']).toEqual({ $crdt: 'or-set', entries: { '"red"': ['t1'] }, removed: ['t2'] })
    expect(textOf(end['note'] as TextState)).toMatch(/^(HelloWorld!|World!Hello)$/)
  })

  test('a state that means the same as the record’s is no change, however it is written', async () => {
    const set = (items: string[]) => ({ tags: { $crdt: 'g-set', items } })
    const { b, edit } = await shared('stock', set(['b', 'a']))
    const reply = await b.send([edit(b, set(['a', 'b']))])
    expect(reply.accepted).toMatchObject([{ outcome: 'no_change', version: 1, data: set(['b', 'a']) }])
  })

  const countOf = (device: string, count: number) => ({ ...empty, inc: { [device]: count } })

  test.each<[string, (of: { a: string; b: string }) => JsonObject, string, string]>([
    ['lowers another’s count', ({ a }) => ({ count: countOf(a, 2) }), 'invalid_change', '/data/count/inc/'],
    ['raises another’s count', ({ a }) => ({ count: countOf(a, 4) }), 'invalid_change', '/data/count/inc/'],
    ['takes the counter away', () => ({ n: 1 }), 'invalid_change', '/data/count'],
    ['replaces it with a number', () => ({ count: 9 }), 'invalid_change', '/data/count'],
    [
      'is no state of its type',
      ({ b }) => ({ count: countOf(b, -1) }),
      'schema_mismatch',
      '/data/count/inc/',
    ],
  ])('an edit that %s is a dead letter, on a fast-forward as beside another', async (_, wrong, code, at) => {
    const { a, b, edit, data } = await shared('stock', (a) => ({ count: countOf(a, 3) }))
    await a.send([edit(a, { count: countOf(a.id, 3), n: 2 })])
    for (const base_version of [2, 1]) {
      const reply = await b.send([edit(b, wrong({ a: a.id, b: b.id }), { base_version })])
      expect(reply.rejected).toMatchObject([{ code, retryable: false }])
      const [refused] = reply.rejected
      const where = { id: refused!.dead_letter_id! }
      const letter = await database.db.deadLetter.findUniqueOrThrow({ where })
      expect(letter).toMatchObject({ code, pointers: [refused?.errors?.[0]?.pointer] })
      expect(letter.pointers[0]?.startsWith(at)).toBe(true)
    }
    expect(await data()).toEqual({ count: countOf(a.id, 3), n: 2 })
  })

  test('a CREATE may count for its own device alone', async () => {
    const [a, b] = [await RawDevice.enrol(database.db), await RawDevice.enrol(database.db)]
    const counting = (device: RawDevice) =>
      a.change({ table: 'stock', data: { count: { $crdt: 'g-counter', counts: { [device.id]: 1 } } } })
    const reply = await a.send([counting(a), counting(b)])
    expect(reply.accepted).toMatchObject([{ outcome: 'applied' }])
    expect(reply.rejected).toMatchObject([{ code: 'invalid_change' }])
  })

  test('an increment that met a delete survives it, and the delete is kept', async () => {
    const { a, b, edit, data, log } = await shared('stock', { count: empty })
    await a.send([edit(a, {}, { operation: 'DELETE', data: null })])
    const reply = await b.send([edit(b, { count: incrementPnCounter(empty, b.id) })])
    expect(reply.accepted).toMatchObject([{ outcome: 'applied', version: 3 }])
    expect(pnCounter.value((await data())['count'] as PnCounter)).toBe(1)
    expect((await log()).at(-1)?.lost).toMatchObject([{ path: '', value: null, from: 'server' }])
  })

  test('so does what others counted before the delete, and that increment had not seen', async () => {
    const { a, b, edit, data } = await shared('stock', { count: empty, name: 'Bolts' })
    const counted = (device: RawDevice, from: PnCounter) => ({ count: incrementPnCounter(from, device.id) })
    await a.send([edit(a, counted(a, empty))])
    await a.send([edit(a, {}, { operation: 'DELETE', data: null, base_version: 2 })])
    const reply = await b.send([edit(b, counted(b, empty))])
    expect(reply.accepted).toMatchObject([{ outcome: 'merged', version: 4 }])
    expect(await data()).toEqual({ count: { ...empty, inc: { [a.id]: 1, [b.id]: 1 } } })

    // Deleted and brought back in one batch, too.
    const more = { count: { ...empty, inc: { [b.id]: 2 } } }
    const batch = [edit(b, {}, { operation: 'DELETE', data: null, base_version: 4 }), edit(b, more)]
    expect((await b.send(batch)).accepted).toMatchObject([{ outcome: 'applied' }, { outcome: 'merged' }])
    expect(await data()).toEqual({ count: { ...empty, inc: { [a.id]: 1, [b.id]: 2 } } })
  })

  test('it survives a second deletion too, as where a person settles an undoing that met the first', async () => {
    const { a, b, id, edit, data } = await shared('stock', { count: empty })
    await a.send([edit(a, { count: countOf(a.id, 1) })])
    await a.send([edit(a, {}, { operation: 'DELETE', data: null, base_version: 2 })])
    const again = { op_id: randomUUID(), table: 'stock', record_id: id, scope: 'default', data: null }
    await writeRecord(
      {
        ...{ by: { kind: 'person', id: 'p' }, mode: 'exact', audit: [], traceId: '0'.repeat(32) },
        change: { ...again, operation: 'DELETE', base_version: 3 },
      },
      serverEngine(database.db),
    )
    expect((await b.send([edit(b, { count: countOf(b.id, 1) })])).accepted).toMatchObject([{ version: 5 }])
    expect(await data()).toEqual({ count: { ...empty, inc: { [a.id]: 1, [b.id]: 1 } } })
  })

  test('one field of a table of merge: it never conflicts, and the rest does as ever', async () => {
    const { a, b, edit, data } = await shared('mixed', { name: 'A', parts: { count: empty } })
    await a.send([edit(a, { name: 'B', parts: { count: incrementPnCounter(empty, a.id, 2) } })])
    const reply = await b.send([edit(b, { name: 'C', parts: { count: incrementPnCounter(empty, b.id, 3) } })])
    expect(reply.conflicts).toMatchObject([{ code: 'manual', fields: ['name'] }])
    const next = edit(b, { name: 'A', parts: { count: incrementPnCounter(empty, b.id, 3) } })
    expect((await b.send([next])).accepted).toMatchObject([{ outcome: 'merged' }])
    expect(await data()).toEqual({
      name: 'B',
      parts: { count: { $crdt: 'pn-counter', inc: { [a.id]: 2, [b.id]: 3 }, dec: {} } },
    })
    const wrong = await b.send([edit(b, { name: 'A', parts: { count: { $crdt: 'g-counter', counts: {} } } })])
    expect(wrong.rejected).toMatchObject([
      { code: 'schema_mismatch', errors: [{ pointer: '/data/parts/count' }] },
    ])
  })

  test('a register stamped in the future waits for a better clock', async () => {
    const a = await RawDevice.enrol(database.db)
    const at = (millis: number) => formatHlc({ millis, counter: 0, node: hlcNode(a.id) })
    const change = (millis: number, from?: ChangeInput) =>
      a.change({
        table: 'stock',
        data: { state: setLwwRegister('on', at(millis)) },
        ...(from && { op_id: from.op_id, seq: from.seq, record_id: from.record_id }),
      })
    const ahead = change(Date.now() + 3_600_000)
    expect((await a.send([ahead])).rejected).toMatchObject([
      {
        code: 'clock_skew',
        retryable: true,
        errors: [{ pointer: '/data/state/hlc' }],
        server_time: expect.any(String),
      },
    ])
    a.lastSeq--
    expect((await a.send([change(Date.now(), ahead)])).accepted).toMatchObject([{ outcome: 'applied' }])
  })
})

describe('ot', () => {
  const ops = (...steps: TextOps) => ({ text_ops: { notes: steps as JsonObject[] } })

  test('both insert into one text, offline in chains: everything is there, and the log has the deltas as they were made', async () => {
    const { a, b, edit, data, log } = await shared('notes', { notes: 'abc', n: 1 })
    const first = edit(a, { notes: 'Aabc', n: 1 }, ops({ insert: 'A' }))
    const second = edit(
      a,
      { notes: 'AabcA', n: 2 },
      { base_op_id: first.op_id, ...ops({ retain: 4 }, { insert: 'A' }) },
    )
    expect((await a.send([first, second])).accepted).toMatchObject([
      { outcome: 'applied' },
      { outcome: 'applied' },
    ])

    const one = edit(b, { notes: 'abBc', n: 1 }, ops({ retain: 2 }, { insert: 'B' }))
    const two = edit(
      b,
      { notes: 'abBBc', n: 1 },
      { base_op_id: one.op_id, ...ops({ retain: 3 }, { insert: 'B' }) },
    )
    const three = edit(b, { notes: 'bBBc', n: 1 }, { base_op_id: two.op_id, ...ops({ delete: 1 }) })
    expect((await b.send([one])).accepted).toMatchObject([
      { outcome: 'merged', data: { notes: 'AabBcA', n: 2 } },
    ])
    expect((await b.send([two, three])).accepted).toMatchObject([
      { outcome: 'merged', data: { notes: 'AabBBcA', n: 2 } },
      { outcome: 'merged', data: { notes: 'AbBBcA', n: 2 } },
    ])
    expect(await data()).toEqual({ notes: 'AbBBcA', n: 2 })
    expect((await log()).map(({ rule }) => (rule as JsonObject)['text_ops'])).toEqual([
      { notes: [{ insert: 'abc' }] },
      { notes: [{ insert: 'A' }] },
      { notes: [{ retain: 4 }, { insert: 'A' }] },
      { notes: [{ retain: 3 }, { insert: 'B' }] },
      { notes: [{ retain: 4 }, { insert: 'B' }] },
      { notes: [{ retain: 1 }, { delete: 1 }] },
    ])
  })

  test('where both insert at one place the server’s comes first, and what one deletes the other’s insert survives', async () => {
    const { a, b, edit, data } = await shared('notes', { notes: 'one two' })
    await a.send([edit(a, { notes: 'one A two' })])
    await b.send([edit(b, { notes: 'one B two' })])
    expect((await data())['notes']).toBe('one A B two')
    const c = await RawDevice.enrol(database.db)
    await c.send([edit(c, { notes: '' })])
    expect(((await data())['notes'] as string).replaceAll(/\s/g, '')).toBe('AB')
  })

  test.each<[string, TextOps | object[], string]>([
    ['do not come to the data', [{ insert: 'x' }], '/text_ops/notes'],
    ['go past the end', [{ retain: 9 }], '/text_ops/notes'],
    ['are no steps', [{ retain: 1 }, { jump: 3 }], '/text_ops/notes/1'],
    ['split a character', [{ retain: 4 }, { delete: 1 }], '/text_ops/notes'],
  ])('text_ops that %s are refused', async (_, steps, pointer) => {
    const { b, edit } = await shared('notes', { notes: 'abc😀' })
    const reply = await b.send([edit(b, { notes: 'abcd😀' }, { text_ops: { notes: steps as JsonObject[] } })])
    expect(reply.rejected).toMatchObject([
      { code: 'invalid_change', errors: [{ pointer }], dead_letter_id: expect.any(String) },
    ])
  })

  test('a string that the schema gives words to choose from is no text', async () => {
    await putPolicy(database.db, {
      name: 'typed',
      strategy: 'ot',
      schema: { properties: { state: { enum: ['open', 'shut', 'done'] }, notes: { type: 'string' } } },
    })
    const { a, b, edit } = await shared('typed', { state: 'open', notes: '' })
    await a.send([edit(a, { state: 'done', notes: 'A' })])
    const reply = await b.send([edit(b, { state: 'shut', notes: 'B' })])
    expect(reply.conflicts).toMatchObject([{ fields: ['state'] }])
  })
})

describe('a field settled by the clock', () => {
  const at = (of: RawDevice, millis: number) => ({
    hlc: formatHlc({ millis, counter: 0, node: hlcNode(of.id) }),
  })
  // After the record was made, as the clock of a device that has seen it is.
  const start = Date.now() + 60_000

  test('is compared with when that field was written, not with when another field was', async () => {
    const { a, b, edit, data } = await shared('clocked', { phone: '1', mail: '1' })
    const c = await RawDevice.enrol(database.db)
    await a.send([edit(a, { phone: '2', mail: '1' }, at(a, start + 1_000))])
    await b.send([edit(b, { phone: '1', mail: '2' }, at(b, start + 9_000))])
    // Later than the phone, earlier than the mail.
    const reply = await c.send([edit(c, { phone: '3', mail: '3' }, at(c, start + 5_000))])
    expect(reply.accepted).toMatchObject([{ outcome: 'merged', data: { phone: '3', mail: '2' } }])
    expect(await data()).toEqual({ phone: '3', mail: '2' })
  })

  test('in any order of arrival', async () => {
    const ends: JsonObject[] = []
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
      [0, 2, 1],
    ]) {
      const { a, b, edit, data } = await shared('clocked', { phone: '1', mail: '1' })
      const c = await RawDevice.enrol(database.db)
      const edits: [RawDevice, JsonObject, number][] = [
        [a, { phone: '2', mail: '1' }, 1_000],
        [b, { phone: '1', mail: '2' }, 9_000],
        [c, { phone: '3', mail: '3' }, 5_000],
      ]
      for (const index of order) {
        const [of, state, offset] = edits[index]!
        await of.send([edit(of, state, at(of, start + offset))])
      }
      ends.push(await data())
    }
    expect(new Set(ends.map((end) => JSON.stringify(end))).size).toBe(1)
  })
})
