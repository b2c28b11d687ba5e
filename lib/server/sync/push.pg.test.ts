import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { putPolicy, RawDevice } from '../testing/raw-device.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
  await putPolicy(database.db, {
    name: 'things',
    schema: { type: 'object', properties: { count: { type: 'integer' } } },
    rules: [
      { rule: '!has(self.count) || self.count >= 0', message: 'count is never negative', field: 'count' },
    ],
  })
})
afterAll(() => database.close())

const device = (scopes?: string[]) => RawDevice.enrol(database.db, scopes)
const recordOf = (id: string) => database.db.record.findFirst({ where: { id } })

describe('what is answered', () => {
  test('a new record is applied at version 1 and reaches another device', async () => {
    const [a, b] = [await device(), await device()]
    const create = a.change({ data: { name: 'Valve 7' } })
    const reply = await a.sync([create])
    expect(reply.accepted).toMatchObject([
      { op_id: create.op_id, version: 1, outcome: 'applied', data: null },
    ])
    expect(reply.accepted[0]?.checksum).toBe(create.checksum)
    const pulled = (await b.sync()).server_changes.find(({ record_id }) => record_id === create.record_id)
    expect(pulled).toMatchObject({
      scope: 'default',
      operation: 'UPSERT',
      version: 1,
      data: { name: 'Valve 7' },
      checksum: create.checksum,
      hlc: create.hlc,
      by: { kind: 'device', id: a.id },
      conflict_id: null,
    })
  })

  test('every change is answered once, whatever is wrong with the others', async () => {
    const a = await device()
    const good = a.change()
    const broken = { ...a.change(), table: 17 }
    const unknown = a.change({ table: 'nowhere' })
    const foreign = a.change({ scope: 'elsewhere' })
    const schema = a.change({ data: { count: 'three' } })
    const rule = a.change({ data: { count: -1 } })
    const orphan = a.change({ operation: 'UPDATE', base_version: 4 })
    const nul = a.change({ data: { name: 'a\0b' } })
    const last = a.change()
    const reply = await a.sync([good, broken, null, unknown, foreign, schema, rule, orphan, nul, last])
    expect(reply.accepted.map(({ op_id }) => op_id)).toEqual([good.op_id, last.op_id])
    expect(reply.rejected.map(({ op_id, code, retryable }) => [op_id, code, retryable])).toEqual([
      [broken.op_id, 'invalid_change', false],
      [null, 'invalid_change', false],
      [unknown.op_id, 'unknown_table', false],
      [foreign.op_id, 'scope_forbidden', false],
      [schema.op_id, 'schema_mismatch', false],
      [rule.op_id, 'business_rule', false],
      [orphan.op_id, 'unknown_base', false],
      [nul.op_id, 'invalid_change', false],
    ])
    const letters = await database.db.deadLetter.findMany({ where: { deviceId: a.id } })
    expect(new Set(letters.map(({ id }) => id))).toEqual(
      new Set(reply.rejected.map(({ dead_letter_id }) => dead_letter_id)),
    )
    expect(JSON.parse(letters.find(({ opId }) => opId === nul.op_id)!.change)).toEqual(nul)
  })

  test('the reply goes on from the device’s Lamport clock', async () => {
    const a = await device()
    expect((await a.send([a.change()], { lamport: 41 })).lamport).toBeGreaterThan(42)
    expect((await a.send([a.change()], { lamport: 'no number' })).lamport).toBeGreaterThan(0)
  })

  test('an operation sent again gets its first answer, byte for byte, and no new effect', async () => {
    const a = await device()
    const create = a.change({ data: { name: 'one' } })
    const bad = a.change({ data: { count: -5 } })
    const first = await a.send([create, bad])
    const update = a.change({
      operation: 'UPDATE',
      record_id: create.record_id,
      base_version: 1,
      data: { name: 'two' },
    })
    await a.send([update])
    const again = await a.send([create, bad, update])
    const entries = (text: string, list: string) =>
      new RegExp(`"${list}":(\\[.*?\\])(?=,"\\w+":[[{nt])`).exec(text)?.[1]
    expect(again.accepted[0]).toEqual(first.accepted[0])
    expect(entries(again.text, 'rejected')).toBe(entries(first.text, 'rejected'))
    expect((await recordOf(create.record_id))?.version).toBe(2)
    expect(await database.db.deadLetter.count({ where: { deviceId: a.id } })).toBe(1)
  })

  test('the same operation twice in one batch takes effect once and is answered twice', async () => {
    const a = await device()
    const create = a.change()
    const reply = await a.send([create, create])
    expect(reply.accepted).toHaveLength(2)
    expect(reply.accepted[0]).toEqual(reply.accepted[1])
    expect((await recordOf(create.record_id))?.version).toBe(1)
  })

  test('the same batch sent twice at once takes effect once', async () => {
    const a = await device()
    const changes = Array.from({ length: 20 }, () => a.change())
    const replies = await Promise.all([a.send(changes), a.send(changes), a.send(changes)])
    const [first] = replies
    for (const reply of replies) expect(reply.accepted).toEqual(first.accepted)
    const versions = await database.db.record.findMany({
      where: { id: { in: changes.map((c) => c.record_id) } },
    })
    expect(versions.map(({ version }) => version)).toEqual(changes.map(() => 1))
  })
})

describe('the stream', () => {
  test('a batch that begins too late is refused with the seq to send from', async () => {
    const a = await device()
    await a.send([a.change()])
    a.lastSeq += 2
    await expect(a.send([a.change()])).rejects.toMatchObject({ code: 'seq_gap', extras: { expected_seq: 2 } })
  })

  test('other content under an answered seq is a cloned device: nothing is written', async () => {
    const a = await device()
    await a.send([a.change(), a.change()])
    const clone = a.change({ seq: 2 })
    await expect(a.send([clone])).rejects.toMatchObject({
      code: 'device_forked',
      extras: { acknowledged_seq: 2 },
    })
    expect(await recordOf(clone.record_id)).toBeNull()
  })

  test('after a fork, a new incarnation sends everything again under the same op ids and nothing applies twice', async () => {
    const a = await device()
    const answered = a.change()
    const first = await a.send([answered])
    a.incarnation = randomUUID()
    const fresh = a.change({ seq: 2 })
    const reply = await a.send([{ ...answered, seq: 1 }, fresh])
    expect(reply.accepted[0]).toEqual(first.accepted[0])
    expect(reply.accepted[1]?.op_id).toBe(fresh.op_id)
    expect((await recordOf(answered.record_id))?.version).toBe(1)
  })

  test('a clone is no fork while it sends what its twin sent, and is caught at its first operation that differs', async () => {
    const a = await device()
    const shared = a.change()
    const first = await a.send([shared])
    // The clone has the same queue, and goes on before its twin does.
    expect((await a.send([shared])).accepted).toEqual(first.accepted)
    const byClone = a.change({ seq: 2 })
    expect((await a.send([shared, byClone])).accepted).toHaveLength(2)
    const byTwin = a.change({ seq: 2 })
    await expect(a.send([shared, byTwin])).rejects.toMatchObject({
      ...{ code: 'device_forked', extras: { acknowledged_seq: 2 } },
    })
    expect(await recordOf(byTwin.record_id)).toBeNull()
    // Neither loses anything: the one that was caught begins a life of its own.
    a.incarnation = randomUUID()
    expect((await a.send([{ ...byTwin, seq: 1 }])).accepted).toMatchObject([{ outcome: 'applied' }])
    expect(await recordOf(byClone.record_id)).not.toBeNull()
  })

  test('a new incarnation that repeats only what was answered goes on behind it', async () => {
    const a = await device()
    const answered = [a.change(), a.change()]
    await a.send(answered)
    a.incarnation = randomUUID()
    await a.send(answered)
    expect((await a.send([a.change({ seq: 3 })])).accepted).toHaveLength(1)
  })

  test('a change damaged on its way leaves a hole: its record waits, the others go on, the repair closes it', async () => {
    const a = await device()
    const damaged = a.change({ checksum: '0'.repeat(64) })
    const later = a.change({
      operation: 'UPDATE',
      record_id: damaged.record_id,
      base_op_id: damaged.op_id,
      data: { name: 'later' },
    })
    const other = a.change()
    const reply = await a.send([damaged, later, other])
    expect(reply.rejected.map(({ code, retryable }) => [code, retryable])).toEqual([
      ['checksum_mismatch', true],
      ['dependency_pending', true],
    ])
    expect(reply.accepted.map(({ op_id }) => op_id)).toEqual([other.op_id])

    const repaired = {
      ...a.change({ data: { name: 'x' } }),
      seq: damaged.seq,
      op_id: damaged.op_id,
      record_id: damaged.record_id,
    }
    a.lastSeq--
    const closing = await a.send([repaired, later, a.change()])
    expect(closing.accepted.map(({ version, outcome }) => [version, outcome])).toEqual([
      [1, 'applied'],
      [2, 'applied'],
      [1, 'applied'],
    ])
    expect(await database.db.streamHole.count({ where: { deviceId: a.id } })).toBe(0)
  })

  test('a hole that fails five times is dead-lettered, and what waited for it goes on', async () => {
    const a = await device()
    const ahead = a.change({ hlc: 'ffffffffffff-0000-0000000000000000' })
    for (let attempt = 1; attempt <= 4; attempt++) {
      const { rejected } = await a.send([ahead])
      expect(rejected).toMatchObject([
        { code: 'clock_skew', retryable: true, server_time: expect.any(String) },
      ])
    }
    const { rejected } = await a.send([ahead])
    expect(rejected).toMatchObject([
      { code: 'retries_exceeded', retryable: false, dead_letter_id: expect.any(String) },
    ])
    expect((await a.send([ahead])).rejected).toEqual(rejected)
    expect((await a.send([a.change()])).accepted).toHaveLength(1)
  })

  test('a hole the device gives up is closed by its report, which is kept', async () => {
    const a = await device()
    const damaged = a.change({ checksum: '0'.repeat(64) })
    await a.send([damaged])
    const report = {
      op_id: damaged.op_id,
      table: 'things',
      record_id: damaged.record_id,
      code: 'retries_exceeded',
      attempts: 8,
      change: damaged,
    }
    await a.send([], { dead_letters: [report] })
    await a.send([], { dead_letters: [report] })
    expect(await database.db.streamHole.count({ where: { deviceId: a.id } })).toBe(0)
    expect(await database.db.deadLetter.findMany({ where: { opId: damaged.op_id } })).toMatchObject([
      { source: 'device', code: 'retries_exceeded' },
    ])
  })

  test('a change without a readable seq or op_id holds back nothing behind it', async () => {
    const a = await device()
    const [one, three, four] = [a.change({ seq: 1 }), a.change({ seq: 3 }), a.change({ seq: 4 })]
    const reply = await a.send([one, { seq: 'two' }, three, { ...four, op_id: 'nonsense' }])
    expect(reply.accepted.map(({ op_id }) => op_id)).toEqual([one.op_id, three.op_id])
    expect(reply.rejected).toMatchObject([
      { op_id: null, index: 1, code: 'invalid_change' },
      { op_id: null, index: 3, code: 'invalid_change' },
    ])
    const again = await a.send([one, { seq: 'two' }, three, { ...four, op_id: 'nonsense' }])
    expect(again.rejected).toEqual(reply.rejected)
    expect((await a.send([a.change({ seq: 5 })])).accepted).toHaveLength(1)
  })
})
