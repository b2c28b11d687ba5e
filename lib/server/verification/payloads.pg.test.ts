import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ChangeInput } from '#lib/protocol/sync.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { putPolicy, RawDevice } from '../testing/raw-device.ts'
import type { Finding } from './finding.ts'
import { verifyPayloads } from './payloads.ts'
import type { Ask } from './store.ts'

// What a device may send, and no good one does: the hash of every payload is made again all the same, and another is found.

let database: TestDatabase
let client: pg.Client
const ask: Ask = async (sql, values) => (await client.query(sql, values)).rows

beforeAll(async () => {
  database = await testDatabase()
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
  for (const strategy of ['lww', 'merge', 'manual', 'ot'] as const)
    await putPolicy(database.db, { name: `by-${strategy}`, strategy })
})
afterAll(async () => {
  await client.end()
  await database.close()
})

type Case = {
  one: RawDevice
  other: RawDevice
  /** Where the record is that `made` made. */
  place: { scope: string; table: string; record_id: string }
  elsewhere: string
  made: ChangeInput
}
type Over = NonNullable<Parameters<RawDevice['change']>[0]>

async function begin(table: string): Promise<Case> {
  const [scope, elsewhere] = [randomUUID(), `${randomUUID()} with "odd" \\ name`]
  const one = await RawDevice.enrol(database.db, [scope, elsewhere])
  const other = await RawDevice.enrol(database.db, [scope, elsewhere])
  const made = one.change({ scope, table, data: { n: 1, text: 'x' } })
  await one.sync([made])
  return { one, other, place: { scope, table, record_id: made.record_id }, elsewhere, made }
}

/** What is found of an operation as it is, and with another hash. */
async function lookedAt({ op_id }: ChangeInput) {
  const stored = await ask(
    `SELECT o.kind, o.version, coalesce((o.answer::jsonb)->>'outcome', (o.answer::jsonb)->>'code') AS outcome
     FROM op_result o WHERE o.op_id = $1`,
    [op_id],
  )
  const untouched = await Array.fromAsync(verifyPayloads(ask))
  await ask('BEGIN')
  await ask(
    `UPDATE op_result SET payload_hash = set_byte(payload_hash, 0, get_byte(payload_hash, 0) # 1) WHERE op_id = $1`,
    [op_id],
  )
  const changed = await Array.fromAsync(verifyPayloads(ask))
  await ask('ROLLBACK')
  const isOf = ({ id }: Finding) => id === op_id
  return { stored, untouched: untouched.filter(isOf), changed: changed.filter(isOf) }
}

/** Leaves the log as an earlier version would have written it. */
async function forgetSent(recordId: string): Promise<unknown[]> {
  await ask('BEGIN')
  await ask(`SET LOCAL session_replication_role = 'replica'`)
  const changed = await ask(
    `UPDATE feed_change SET rule = rule - 'sent' WHERE record_id = $1 AND rule ? 'sent' RETURNING op_id`,
    [recordId],
  )
  await ask('COMMIT')
  return changed
}

const hashFound = [{ check: 'answers', detail: expect.stringContaining('hash') as string }]

const update = (over: Over): Over => ({ operation: 'UPDATE', base_version: 1, ...over })

test.each<[string, string, (of: Case) => Promise<ChangeInput>, object]>([
  [
    'an edit that followed its record to a scope of an odd name',
    'by-lww',
    async ({ one, other, place, elsewhere }) => {
      await other.send([
        other.change({ ...place, ...update({ scope: elsewhere, from_scope: place.scope, data: { n: 2 } }) }),
      ])
      const edit = one.change({ ...place, ...update({ data: { n: 3 } }) })
      await one.send([edit])
      return edit
    },
    { outcome: 'merged', version: 3 },
  ],
  [
    'an edit on a version that is yet to come',
    'by-merge',
    async ({ one, place }) => {
      const edit = one.change({
        ...place,
        ...update({ base_version: 41, data: { n: 1, text: 'x', more: 1 } }),
      })
      await one.send([edit])
      return edit
    },
    { kind: 'conflict' },
  ],
  [
    'the same, where the later one wins',
    'by-lww',
    async ({ one, place }) => {
      const edit = one.change({ ...place, ...update({ base_version: 41, data: { n: 7 } }) })
      await one.send([edit])
      return edit
    },
    { kind: 'accepted', version: 2 },
  ],
  [
    'what was no change of a version that is yet to come',
    'by-lww',
    async ({ one, place }) => {
      const edit = one.change({ ...place, ...update({ base_version: 41, data: { n: 1, text: 'x' } }) })
      await one.send([edit])
      return edit
    },
    { outcome: 'no_change', version: 1 },
  ],
  [
    'what was no change, and made on an operation that nobody knows',
    'by-lww',
    async ({ one, place }) => {
      const edit = one.change({
        ...place,
        ...update({ base_op_id: randomUUID(), data: { n: 1, text: 'x' } }),
      })
      await one.send([edit])
      return edit
    },
    { outcome: 'no_change', version: 1 },
  ],
  [
    'an edit of another device’s operation',
    'by-lww',
    async ({ other, place, made }) => {
      const edit = other.change({ ...place, ...update({ base_op_id: made.op_id, data: { n: 2 } }) })
      await other.send([edit])
      return edit
    },
    { kind: 'accepted', version: 2 },
  ],
  [
    'an edit that says it stays where it is',
    'by-lww',
    async ({ one, place }) => {
      const edit = one.change({ ...place, ...update({ from_scope: place.scope, data: { n: 2 } }) })
      await one.send([edit])
      return edit
    },
    { outcome: 'applied', version: 2 },
  ],
  [
    'what has no register and was stamped anew, and was no change',
    'by-lww',
    async ({ one, place }) => {
      const edit = one.change({
        ...place,
        ...update({ first_checksum: '1'.repeat(64), data: { n: 1, text: 'x' } }),
      })
      await one.send([edit])
      return edit
    },
    { outcome: 'no_change', version: 1 },
  ],
  [
    'a step of a saga that was no change',
    'by-lww',
    async ({ one, place }) => {
      const saga = { id: randomUUID(), step: 1, steps: 2 }
      const step = one.change({ ...place, ...update({ saga, data: { n: 1, text: 'x' } }) })
      await one.send([step])
      return step
    },
    { outcome: 'no_change', version: 1 },
  ],
])('%s', async (_, table, send, expected) => {
  const operation = await send(await begin(table))
  expect(await lookedAt(operation)).toMatchObject({ stored: [expected], untouched: [], changed: hashFound })
})

test('what was brought up from an older schema is proven as it was sent', async () => {
  await putPolicy(database.db, {
    name: 'raised',
    strategy: 'lww',
    schema_version: 2,
    upcasts: { 1: [{ rename: { n: 'count' } }] },
  })
  const { one, place } = await begin('by-lww')
  const made = one.change({ ...place, table: 'raised', record_id: randomUUID(), data: { n: 1 } })
  await one.send([made])
  const stored = [{ outcome: 'merged', version: 1 }]
  expect(await lookedAt(made)).toMatchObject({ stored, untouched: [], changed: hashFound })
})

test('an edit of a text by steps is not proven, and no finding', async () => {
  const { one, place } = await begin('by-ot')
  const text_ops = { text: [{ retain: 1 }, { insert: 'y' }] }
  const edit = one.change({ ...place, ...update({ data: { n: 1, text: 'xy' }, text_ops }) })
  expect((await one.send([edit])).accepted).toMatchObject([{ outcome: 'applied' }])
  expect(await Array.fromAsync(verifyPayloads(ask))).toEqual([])
})

test('a step is proven without its saga, which goes first; what an earlier version answered is no finding then', async () => {
  const { one, place } = await begin('by-lww')
  const saga = { id: randomUUID(), step: 1, steps: 1 }
  const step = one.change({ ...place, ...update({ saga, data: { n: 2 } }) })
  await one.send([step])
  await ask(`DELETE FROM saga_step WHERE saga_id = $1`, [saga.id])
  await ask(`DELETE FROM saga WHERE id = $1`, [saga.id])
  const stored = [{ outcome: 'applied', version: 2 }]
  expect(await lookedAt(step)).toMatchObject({ stored, untouched: [], changed: hashFound })
  expect(await forgetSent(place.record_id)).toEqual([{ op_id: step.op_id }])
  expect(await Array.fromAsync(verifyPayloads(ask))).toEqual([])
})

test('what an earlier version answered is looked for', async () => {
  const { one, place, made } = await begin('by-merge')
  const edits = [
    one.change({ ...place, ...update({ data: { n: 2, text: 'x' } }) }),
    one.change({ ...place, ...update({ base_op_id: made.op_id, data: { n: 1, text: 'y' } }) }),
  ]
  for (const edit of edits) await one.send([edit])
  expect(await forgetSent(place.record_id)).toEqual([{ op_id: edits[1]!.op_id }])
  expect(await Array.fromAsync(verifyPayloads(ask))).toEqual([])
})
