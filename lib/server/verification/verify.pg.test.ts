import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { appendAudit } from '../audit/append.ts'
import { systemActor } from '../actor.ts'
import { compact } from '../retention/compact.ts'
import { age, headOf } from '../retention/testing/age.ts'
import { serverSecret } from '../sync/secret.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { lineOf, type Finding } from './finding.ts'
import type { Ask } from './store.ts'
import { rebuild } from './rebuild.ts'
import { flips, guarded, isAbout, provable, unguarded, written, type Column } from './testing/columns.ts'
import { seededRandom, workload } from './testing/workload.ts'
import { verifyData } from './verify.ts'

let database: TestDatabase
let client: pg.Client
const ask: Ask = async (sql, values) => (await client.query(sql, values)).rows
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
let scopes: [string, string]

beforeAll(async () => {
  console.log(`verify.pg.test: SEED=${seed}`)
  database = await testDatabase()
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
  ;({ scopes } = await workload(database.db, seededRandom(seed)))
  // More than nine: as text, 10 would come before 2.
  for (let n = 1; n <= 12; n++) {
    const entry = {
      actor: systemActor('test'),
      action: 'device.revoke',
      target: 'device',
      targetId: `d${n}`,
      traceId: `t${n}`,
      after: { n },
    }
    await appendAudit(database.db, [{ ...entry, reason: `lost ${n}`, before: { n } }])
  }
  // The first half of one scope is old enough to be compacted.
  const { seq } = await headOf(ask, scopes[0])
  await age(ask, scopes[0], Math.floor(seq / 2), 200)
  await ask(
    `UPDATE record r SET created_at = (f).created_at, updated_at = (f).updated_at
     FROM (SELECT folded_record(c) AS f FROM feed_fold($1, 1000000) c) k
     WHERE r.scope = $1 AND r."table" = (f)."table" AND r.id = (f).id`,
    [scopes[0]],
  )
  await ask(
    `UPDATE op_result o SET created_at = c.committed_at FROM feed_change c
     WHERE c.record_id = o.record_id AND c."table" = o."table" AND c.op_id = o.op_id
       AND c.effect <> 'LEAVE'`,
  )
  await compact(ask, { minAgeHours: 0 })
}, 60_000)
afterAll(async () => {
  await client.end()
  await database.close()
})

async function findings(scope?: string): Promise<Finding[]> {
  return Array.fromAsync(verifyData(ask, { scope, secret: serverSecret() }))
}

/** What is found after a statement of somebody with the keys to the server; then it is as it was. */
async function foundAfter(statement: string, values: unknown[] = []): Promise<Finding[]> {
  await ask('BEGIN')
  try {
    await ask(`SET LOCAL session_replication_role = 'replica'`)
    const { rowCount } = await client.query(statement, values)
    expect(rowCount).toBe(1)
    return await findings()
  } finally {
    await ask('ROLLBACK')
  }
}

async function inTransaction<T>(work: () => Promise<T>): Promise<T> {
  await ask('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  try {
    return await work()
  } finally {
    await ask('ROLLBACK')
  }
}

test('what nobody touched is clean, whole and scope by scope; and there is something of everything', async () => {
  const counts = await ask<{ what: string; n: number }>(
    `SELECT outcome AS what, count(*)::int AS n FROM feed_change GROUP BY 1
     UNION ALL SELECT effect, count(*)::int FROM feed_change GROUP BY 1
     UNION ALL SELECT 'conflicts', count(*)::int FROM conflict UNION ALL SELECT 'dead letters', count(*)::int FROM dead_letter
     UNION ALL SELECT 'checkpoints', count(*)::int FROM feed_checkpoint WHERE swept_seq = seq`,
  )
  const some = counts.filter(({ n }) => n > 0).map(({ what }) => what)
  expect(some).toEqual(
    expect.arrayContaining([
      'applied',
      'UPSERT',
      'DELETE',
      'LEAVE',
      'NONE',
      'conflicts',
      'dead letters',
      'checkpoints',
    ]),
  )
  expect(await inTransaction(() => findings())).toEqual([])
  for (const scope of scopes) expect(await inTransaction(() => findings(scope))).toEqual([])
})

describe('one thing changed in one place', () => {
  test('is found there, in whatever column of whatever table', async () => {
    const columns = await ask<Column>(
      `SELECT table_name AS "table", column_name AS "column", udt_name AS type FROM information_schema.columns
       WHERE table_schema = 'public' AND table_name = ANY ($1) ORDER BY 1, ordinal_position`,
      [guarded],
    )
    const random = seededRandom(seed + 1)
    const missed: string[] = []
    for (const { table, column, type } of columns) {
      if (unguarded.test(`${table}.${column}`)) continue
      const name = `"${column}"`
      // What lies below a checkpoint is on its way out, but for the states that the checkpoint signs.
      const inLog = ['feed_change', 'feed_commit', 'op_result'].includes(table)
      const counts = `${inLog ? `scope = '${scopes[1]}'` : 'true'} AND ${provable[`${table}.${column}`] ?? 'true'}`
      const [row] = await ask<{
        partition: string
        ctid: string
        row: Record<string, unknown>
        seq: number | null
      }>(
        `SELECT tableoid::regclass AS partition, ctid, to_jsonb(t) AS row,
           (SELECT seq::float8 FROM feed_commit c WHERE c.batch::text = to_jsonb(t)->>'batch' AND c.scope = to_jsonb(t)->>'scope') AS seq
         FROM (SELECT *, tableoid, ctid, row_number() OVER (PARTITION BY ${name} IS NULL) AS place,
             count(*) OVER (PARTITION BY ${name} IS NULL) AS places FROM ${table} WHERE ${counts}) t
         ORDER BY ${name} IS NULL, place <= $1::float8 * places, place LIMIT 1`,
        [random()],
      )
      const { partition, ctid, seq } = row!
      const value = row!.row[column] ?? null
      const flip = value === null ? written[type]! : flips[type]!.replaceAll('%c', name)
      const found = await foundAfter(`UPDATE ${partition} SET ${name} = ${flip} WHERE ctid = '${ctid}'`)
      if (!found.some((finding) => isAbout(finding, table, { ...row!.row, seq: seq ?? row!.row['seq'] }))) {
        missed.push(
          `${table}.${column} of ${JSON.stringify(row!.row)}: ${found.map(lineOf).join(' | ') || 'nothing'}`,
        )
      }
    }
    expect(missed).toEqual([])
  }, 300_000)
})

describe('rows that go or come', () => {
  const one = (table: string, where = 'true') =>
    `ctid = (SELECT min(ctid) FROM ${table} WHERE ${where}) AND ${where}`

  test.each<[string, string, Partial<Finding>]>([
    ['a record', `DELETE FROM record WHERE ${one('record')}`, { check: 'records' }],
    [
      'a record too many',
      `INSERT INTO record (scope, "table", id, version, checksum, hlc, deleted)
       SELECT scope, 'by-lww', gen_random_uuid(), 1, 'c', 'h', true FROM feed_head LIMIT 1`,
      { check: 'records', detail: 'the table has this record, the log has not' },
    ],
    ['a conflict', `DELETE FROM conflict WHERE ${one('conflict', `state = 'open'`)}`, { check: 'answers' }],
    ['a dead letter', `DELETE FROM dead_letter WHERE ${one('dead_letter')}`, { check: 'answers' }],
    [
      'a dead letter that nobody closed',
      `UPDATE dead_letter SET state = 'discarded' WHERE ${one('dead_letter')}`,
      { check: 'dead_letters' },
    ],
    [
      'an answer with another version',
      `UPDATE op_result SET version = version + 50 WHERE ${one('op_result', `kind = 'accepted'`)}`,
      { check: 'answers' },
    ],
    [
      'an answer with another text',
      `UPDATE op_result SET answer = replace(answer, '"op_id":"', '"op_id":"0') WHERE ${one('op_result')}`,
      { check: 'answers' },
    ],
    [
      'the audit’s last entry',
      `DELETE FROM audit WHERE id = (SELECT max(id) FROM audit)`,
      { check: 'audit' },
    ],
  ])('%s', async (_, statement, expected) => {
    expect(await foundAfter(statement)).toContainEqual(expect.objectContaining(expected))
  })

  test('the last commit with its changes: the head tells', async () => {
    const found = await foundAfter(
      `WITH last AS (DELETE FROM feed_commit c USING feed_head h WHERE c.scope = h.scope AND c.seq = h.seq AND h.scope = $1 RETURNING c.*),
         gone AS (DELETE FROM feed_change ch USING last WHERE ch.batch = last.batch AND ch.scope = last.scope)
       SELECT * FROM last`,
      [scopes[1]],
    )
    expect(found).toContainEqual(expect.objectContaining({ check: 'feed', scope: scopes[1] }))
  })

  test('a state below a checkpoint, which is all that is left of its record’s past', async () => {
    const found = await foundAfter(
      `UPDATE feed_change ch SET data = '{"n": 77}' FROM (SELECT f.* FROM feed_checkpoint k, feed_fold(k.scope, k.seq) f
         WHERE f.effect = 'UPSERT' LIMIT 1) f
       WHERE ch.batch = f.batch AND ch.ordinal = f.ordinal AND ch.scope = f.scope`,
    )
    expect(found).toContainEqual(
      expect.objectContaining({ check: 'state', detail: 'the state is not that of its checksum' }),
    )
  })
})

describe('rebuild', () => {
  const rebuilt = async (options: { isDryRun?: boolean; scope?: string } = {}) => {
    const run = randomUUID()
    const write = new pg.Client({ connectionString: database.url })
    await write.connect()
    const found: Finding[] = []
    const done = await inTransaction(async () => {
      const asked: Ask = async (sql, values) => (await write.query(sql, values)).rows
      const going = rebuild(
        { look: ask, write: asked },
        { secret: serverSecret(), run, isDryRun: false, ...options },
      )
      for (;;) {
        const { done, value } = await going.next()
        if (done) return value
        found.push(value)
      }
    })
    await write.end()
    return { run, done, found }
  }

  test('makes the records what the log says again, keeps what was there, and says so in the audit', async () => {
    await ask(`UPDATE record SET data = '{"n": -5}' WHERE data IS NOT NULL AND scope = $1`, [scopes[1]])
    await ask(
      `UPDATE record SET created_at = now(), vector = '{}' WHERE ctid = (SELECT min(ctid) FROM record)`,
    )
    await ask(`DELETE FROM record WHERE ctid = (SELECT max(ctid) FROM record WHERE deleted)`)
    await ask(
      `INSERT INTO record (scope, "table", id, version, checksum, hlc) VALUES ($1, 'by-lww', gen_random_uuid(), 1, 'c', 'h')`,
      [scopes[0]],
    )
    const wrong = (await inTransaction(() => findings())).filter(({ check }) => check === 'records')
    expect(wrong.length).toBeGreaterThan(4)

    const dry = await rebuilt({ isDryRun: true })
    expect(dry.done).toMatchObject({ differing: wrong.length, replaced: 0 })
    expect(await inTransaction(() => findings())).not.toEqual([])

    const { run, done, found } = await rebuilt()
    expect(done).toMatchObject({ differing: wrong.length, replaced: wrong.length, refused: 0 })
    expect(found).toEqual(wrong)
    expect(await inTransaction(() => findings())).toEqual([])
    const kept = await ask<{ fields: string[]; was: { data: unknown } | null }>(
      `SELECT fields, was, became FROM record_replaced WHERE run = $1`,
      [run],
    )
    expect(kept).toHaveLength(wrong.length)
    expect(kept.filter(({ was }) => JSON.stringify(was?.data) === '{"n":-5}').length).toBeGreaterThan(1)
    expect(kept.filter(({ fields }) => fields.includes('missing'))).toMatchObject([{ was: null }])
    const audited = await ask<{ after: { replaced: number } }>(
      `SELECT after FROM audit WHERE action = 'record.rebuild'`,
    )
    expect(audited.reduce((sum, { after }) => sum + after.replaced, 0)).toBe(wrong.length)
    expect((await rebuilt()).done).toMatchObject({ differing: 0, replaced: 0 })
  })

  test('leaves a scope alone whose log was changed: nobody can tell which of the two is right', async () => {
    await ask('BEGIN')
    await ask(`SET LOCAL session_replication_role = 'replica'`)
    await ask(
      `UPDATE feed_change SET data = '{"n": -9}' WHERE ctid = (SELECT max(ctid) FROM feed_change WHERE scope = $1 AND data IS NOT NULL) AND scope = $1`,
      [scopes[1]],
    )
    await ask('COMMIT')
    const before = await ask(`SELECT * FROM record ORDER BY scope, "table", id`)
    const { done, found } = await rebuilt()
    expect(done).toMatchObject({ refused: 1, replaced: 0 })
    expect(found).toContainEqual(
      expect.objectContaining({ check: 'feed', scope: scopes[1], ordinal: expect.any(Number) }),
    )
    expect(await ask(`SELECT * FROM record ORDER BY scope, "table", id`)).toEqual(before)
  })
})
