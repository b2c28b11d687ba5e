import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { serverSecret } from '../sync/secret.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { putPolicy, RawDevice } from '../testing/raw-device.ts'
import { isSigned, type Checkpoint } from './checkpoint.ts'
import { compact } from './compact.ts'
import { digestState, raiseMinSeq, sweepFeed, type Ask } from './store.ts'
import { age, headOf as headIn, history as historyIn, ownerOf } from './testing/age.ts'

let database: TestDatabase
let owner: { ask: Ask; end: () => Promise<void> }
beforeAll(async () => {
  database = await testDatabase()
  owner = await ownerOf(database.url)
  await putPolicy(database.db, { name: 'things', strategy: 'merge' })
  await putPolicy(database.db, { name: 'deeds', strategy: 'lww', retention_days: 400 })
})
afterAll(async () => {
  await owner.end()
  await database.close()
})

const ask: Ask = (sql, values) => owner.ask(sql, values)
/** As the application may: its role, its grants. */
const askAsApp: Ask = (sql, values = []) => database.db.$queryRawUnsafe(sql, ...values)
const headOf = (scope: string) => headIn(ask, scope)
const history = (scope: string, table?: string) => historyIn(database.db, scope, table)
const compactNow = () => compact(ask, { minAgeHours: 0 })

type Fold = {
  table: string
  record_id: string
  after_version: number
  effect: string
  checksum: string
  hlc: string
}
const foldOf = (scope: string, seq: number) =>
  ask<Fold>(
    `SELECT "table", record_id, after_version, effect, checksum, hlc FROM feed_fold($1, $2::bigint)`,
    [scope, seq],
  )
const changesOf = (scope: string) =>
  ask<{ record_id: string; after_version: number; effect: string }>(
    `SELECT record_id, after_version, effect FROM feed_change WHERE scope = $1 ORDER BY 1, 2, 3`,
    [scope],
  )
const commitsOf = async (scope: string) =>
  (await ask<{ seq: number }>(`SELECT seq::int FROM feed_commit WHERE scope = $1 ORDER BY seq`, [scope])).map(
    ({ seq }) => seq,
  )
async function checkpointOf(scope: string) {
  const [row] = await ask<Checkpoint & { signature: Buffer }>(
    `SELECT scope, seq::int, encode(chain, 'hex') AS chain, encode(state_digest, 'hex') AS state, records::int, signature
     FROM feed_checkpoint WHERE scope = $1`,
    [scope],
  )
  return row
}

describe('a checkpoint', () => {
  test('keeps the state of each record, and nothing that was replaced; the mark moves with it', async () => {
    const scope = randomUUID()
    const { edited, removed, kept, writer, on } = await history(scope)
    await writer.send([
      writer.change({ ...on({ record_id: edited }, 5), operation: 'UPDATE', data: { n: 'new' } }),
    ])
    await age(ask, scope, 8, 100)
    const before = await foldOf(scope, 8)
    expect(before).toHaveLength(3)

    await compactNow()

    expect(await headOf(scope)).toEqual({ seq: 9, min: 8 })
    expect(await foldOf(scope, 8)).toEqual(before)
    const left = (await changesOf(scope)).map(({ record_id, after_version, effect }) => [
      record_id,
      after_version,
      effect,
    ])
    expect(new Set(left.map(String))).toEqual(
      new Set(
        [
          [edited, 5, 'UPSERT'],
          [edited, 6, 'UPSERT'],
          [removed, 2, 'DELETE'],
          [kept, 1, 'UPSERT'],
        ].map(String),
      ),
    )
    expect(await commitsOf(scope)).toEqual([3, 7, 8, 9])
  })

  test('is signed, and its digest is that of the fold, before and after the sweep', async () => {
    const scope = randomUUID()
    await history(scope)
    await age(ask, scope, 8, 100)
    const digested = await digestState(ask, scope, 8)
    await compactNow()
    const { signature, ...checkpoint } = (await checkpointOf(scope))!
    expect(checkpoint).toEqual(digested)
    expect(await digestState(ask, scope, 8)).toEqual(digested)
    expect(isSigned(checkpoint, signature, serverSecret())).toBe(true)
    expect(isSigned({ ...checkpoint, state: digested.chain }, signature, serverSecret())).toBe(false)
    expect(isSigned(checkpoint, signature, 'another secret')).toBe(false)
  })

  test('its digest tells any difference in what was folded', async () => {
    const scope = randomUUID()
    const { kept, removed } = await history(scope)
    const { state } = await digestState(ask, scope, 8)
    const flips = [
      [`checksum = reverse(checksum)`, kept],
      [`hlc = reverse(hlc)`, kept],
      [`vector = vector || '{"x": 1}'`, kept],
      [`device_id = gen_random_uuid()`, kept],
      [`op_id = gen_random_uuid()`, kept],
      [`after_version = 7`, kept],
      [`after_version = 7`, removed],
      [`hlc = reverse(hlc)`, removed],
      [`effect = 'LEAVE', hlc = hlc`, kept],
    ]
    for (const [flip, id] of flips) {
      await ask(`BEGIN`)
      await ask(`SET LOCAL session_replication_role = 'replica'`)
      await ask(
        `UPDATE feed_change SET ${flip} WHERE scope = '${scope}' AND record_id = '${id}' AND effect <> 'NONE'`,
      )
      expect((await digestState(ask, scope, 8)).state).not.toBe(state)
      await ask(`ROLLBACK`)
    }
  })

  test('the next one goes on from the last: what it kept goes when it is replaced', async () => {
    const scope = randomUUID()
    const { writer, on, edited, kept } = await history(scope)
    await age(ask, scope, 8, 200)
    await compactNow()
    await writer.send([writer.change({ ...on({ record_id: kept }, 1), operation: 'DELETE' })])
    await writer.send([
      writer.change({ ...on({ record_id: edited }, 5), operation: 'UPDATE', data: { n: 9 } }),
    ])
    await writer.send([writer.change({ scope })])
    await age(ask, scope, 10, 100)
    await compactNow()
    expect(await headOf(scope)).toEqual({ seq: 11, min: 10 })
    expect(await commitsOf(scope)).toEqual([8, 9, 10, 11])
    expect(await changesOf(scope)).toHaveLength(4)
    expect((await checkpointOf(scope))?.seq).toBe(10)
  })

  test('leaves everything of a scope alone while it is within the retention of its most patient table', async () => {
    const scope = randomUUID()
    await history(scope)
    await history(scope, 'deeds')
    await age(ask, scope, 16, 399)
    await compactNow()
    expect(await headOf(scope)).toEqual({ seq: 16, min: 0 })
    expect(await changesOf(scope)).toHaveLength(16)
    await age(ask, scope, 16, 2)
    await compactNow()
    expect(await headOf(scope)).toEqual({ seq: 16, min: 16 })
  })

  test('one young commit keeps all that follow it, whatever their times say', async () => {
    const scope = randomUUID()
    await history(scope)
    await age(ask, scope, 8, 100)
    await age(ask, scope, 4, -100)
    await age(ask, scope, 3, 100)
    await compactNow()
    expect((await headOf(scope)).min).toBe(3)
  })
})

describe('whoever asks', () => {
  test('no mark passes what is within retention, nor one with another chain', async () => {
    const scope = randomUUID()
    await history(scope)
    await age(ask, scope, 4, 100)
    const at = (seq: number) => digestState(ask, scope, seq)
    for (const asker of [ask, askAsApp]) {
      await expect(raiseMinSeq(asker, await at(5), Buffer.from(''))).rejects.toThrow(/within its retention/)
      const other = { ...(await at(4)), chain: (await at(3)).chain }
      await expect(raiseMinSeq(asker, other, Buffer.from(''))).rejects.toThrow(/another chain/)
    }
    expect((await headOf(scope)).min).toBe(0)
  })

  test('the application raises and sweeps, and deletes and writes nothing by itself', async () => {
    const scope = randomUUID()
    await history(scope)
    await age(ask, scope, 8, 100)
    expect(await raiseMinSeq(askAsApp, await digestState(askAsApp, scope, 8), Buffer.from('x'))).toBe(true)
    expect(await sweepFeed(askAsApp, scope, { commits: 100, changes: 100 })).toBe(8)
    await askAsApp(`SELECT set_config('holdfast.sweeping', 'on', false)`)
    for (const forbidden of [
      `DELETE FROM feed_change WHERE scope = '${scope}'`,
      `DELETE FROM feed_commit WHERE scope = '${scope}'`,
      `DELETE FROM feed_checkpoint WHERE scope = '${scope}'`,
      `UPDATE feed_checkpoint SET seq = 1 WHERE scope = '${scope}'`,
      `INSERT INTO feed_checkpoint (scope, seq, chain, state_digest, records, signature) VALUES ('y', 1, '', '', 0, '')`,
    ]) {
      await expect(askAsApp(forbidden)).rejects.toThrow(/permission denied/)
    }
  })

  test('the owner, too, cannot rewrite the log by accident', async () => {
    await expect(ask(`DELETE FROM feed_change`)).rejects.toThrow(/append-only/)
    await expect(ask(`UPDATE feed_commit SET trace_id = ''`)).rejects.toThrow(/append-only/)
  })
})

describe('the sweep', () => {
  test('goes in batches, and goes on where it was cut off', async () => {
    const scope = randomUUID()
    const { kept } = await history(scope)
    await age(ask, scope, 8, 100)
    const before = await foldOf(scope, 8)
    await raiseMinSeq(ask, await digestState(ask, scope, 8), Buffer.from('x'))
    await ask('BEGIN')
    expect(await sweepFeed(ask, scope, { commits: 3, changes: 100 })).toBe(3)
    await ask('ROLLBACK')
    expect(await changesOf(scope)).toHaveLength(8)
    const steps: number[] = []
    for (let swept = 1; swept > 0;) {
      swept = await sweepFeed(ask, scope, { commits: 3, changes: 2 })
      steps.push(swept)
      expect(await foldOf(scope, 8)).toEqual(before)
    }
    expect(steps).toEqual([2, 2, 2, 2, 0])
    expect(await changesOf(scope)).toHaveLength(3)
    expect((await changesOf(scope)).some(({ record_id }) => record_id === kept)).toBe(true)
  })

  test('tells the audit what went', async () => {
    const scope = randomUUID()
    const { writer, on, edited } = await history(scope)
    // Two sides of one field: a person is asked, and the log keeps what was sent.
    const other = await RawDevice.enrol(database.db, [scope])
    const late = await other.send([
      other.change({ ...on({ record_id: edited }, 1), operation: 'UPDATE', data: { n: 'late' } }),
    ])
    expect(late.conflicts).toHaveLength(1)
    await writer.send([writer.change({ scope })])
    await age(ask, scope, 9, 100)
    await compactNow()
    const told = await ask<{ action: string; after: object }>(
      `SELECT action, after FROM audit WHERE target = 'scope' AND target_id = $1 ORDER BY id`,
      [scope],
    )
    expect(told).toMatchObject([
      { action: 'feed.checkpoint', after: { min_seq: 9, records: 3, kept_days: 90 } },
      { action: 'feed.purge', after: { min_seq: 9, changes: 6, with_losing_values: 1, thinned_records: 1 } },
    ])
    // The conflict holds all three sides itself, for as long as it is open.
    expect(await database.db.conflict.findFirst({ where: { scope } })).toMatchObject({
      ...{ state: 'open', baseData: { n: 0 }, clientData: { n: 'late' }, serverData: { n: 4 } },
    })
    // Nothing new, nothing told.
    await compactNow()
    expect(await ask(`SELECT 1 FROM audit WHERE target_id = $1`, [scope])).toHaveLength(2)
  })

  test('makes deleted records thin, and they stay deleted: an old device brings none back', async () => {
    const scope = randomUUID()
    const { removed } = await history(scope)
    const behind = await RawDevice.enrol(database.db, [scope])
    await age(ask, scope, 8, 100)
    await compactNow()
    const row = await database.db.record.findFirst({ where: { scope, id: removed } })
    expect(row).toMatchObject({
      version: 2,
      deleted: true,
      data: null,
      vector: {},
      lastOpId: null,
      lastDeviceId: null,
    })
    const on = { scope, record_id: removed, base_version: 1 }
    const update = await behind.send([behind.change({ ...on, operation: 'UPDATE', data: { n: 'back' } })])
    // What was edited is gone: neither side wins by itself.
    expect(update).toMatchObject({ accepted: [], conflicts: [{ code: 'manual', server_data: null }] })
    const again = await behind.send([behind.change({ ...on, operation: 'DELETE' })])
    expect(again.accepted).toMatchObject([{ outcome: 'no_change', version: 2 }])
    expect((await database.db.record.findFirst({ where: { scope, id: removed } }))?.deleted).toBe(true)
  })

  test('pushes go on meanwhile: neither waits for the other', async () => {
    const scope = randomUUID()
    const { writer, edited, on } = await history(scope)
    await age(ask, scope, 8, 100)
    await raiseMinSeq(ask, await digestState(ask, scope, 8), Buffer.from('x'))
    await ask('BEGIN')
    await sweepFeed(ask, scope, { commits: 100, changes: 100 })
    // The sweep's transaction is open, and a push to the same scope and record is answered.
    const reply = await writer.send([
      writer.change({ ...on({ record_id: edited }, 5), operation: 'UPDATE', data: { n: 6 } }),
    ])
    expect(reply.accepted).toMatchObject([{ outcome: 'applied', version: 6 }])
    await ask('COMMIT')
    expect(await changesOf(scope)).toHaveLength(4)
  })
})
