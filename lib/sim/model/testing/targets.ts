import type { Json } from '#lib/core/json.ts'
import { defaultPolicy, type TablePolicy } from '#lib/core/policy.ts'
import { policiesFrom } from '#lib/server/tables/policy-cache.ts'
import type { Engine } from '#lib/server/sync/engine.ts'
import { compact } from '#lib/server/retention/compact.ts'
import type { Ask } from '#lib/server/retention/store.ts'
import { age } from '#lib/server/retention/testing/age.ts'
import { serverEngine } from '#lib/server/sync/server-engine.ts'
import { serverStamps } from '#lib/server/sync/stamps.ts'
import { takeTurns } from '#lib/server/sync/turns.ts'
import type { Database } from '#lib/server/db.ts'
import { putPolicy } from '#lib/server/testing/raw-device.ts'
import { v7 } from 'uuid'
import type { Dice } from '../../simulation/dice.ts'
import { ModelDatabase, type ModelHost } from '../model-database.ts'
import { modelStore, readPolicies } from '../model-store.ts'
import { pruneAnswers, raiseMinSeq, sweepFeed } from '../retention.ts'
import { recordKey } from '../tables.ts'
import { meetOnModel, meetOnPostgres, type Meeting, type Met } from './meet.ts'

/** A store under test, with an engine on it whose clock and dice are the test's. */
export type Target = {
  engine: Engine
  putPolicy: (policy: Partial<TablePolicy> & { name: string }) => Promise<void>
  addDevice: (id: string, scopes: readonly string[]) => Promise<void>
  /** Compacts a scope's log up to a commit, as if all to there were older than anybody keeps it. */
  compact: (scope: string, upTo: number) => Promise<void>
  /** Forgets the first answers of the streams, as many as `most`. */
  forget: (most: number) => Promise<number>
  /** Two transactions at once. */
  meet: (meeting: Meeting) => Promise<Met>
  /** By id. */
  openConflicts: () => Promise<OpenConflict[]>
  /** Everything that is stored, times aside, by table and in the order of its key. */
  dump: () => Promise<Dump>
}

export type OpenConflict = {
  id: string
  version: number
  scope: string
  table: string
  record_id: string
  record_version: number
}

export type Dump = Record<
  | 'head'
  | 'stream'
  | 'hole'
  | 'result'
  | 'record'
  | 'commit'
  | 'change'
  | 'conflict'
  | 'letter'
  | 'saga'
  | 'step'
  | 'lost',
  Json[]
>

/** The parts of an engine that make two of them give the same ids at the same time. */
function seeded(dice: Dice, now: () => number) {
  return {
    now,
    random: dice.unit,
    newId: () => v7({ msecs: now(), random: dice.bytes(16) }),
    sleep: async () => {},
    secret: () => 'a secret of the test',
    stamps: serverStamps(now),
    turns: takeTurns(),
    notify: () => {},
  }
}

export function postgresTarget(
  db: Database,
  dice: Dice,
  { now, ask }: { now: () => number; ask: Ask },
): Target {
  const rows = async (sql: string) => {
    const found = await db.$queryRawUnsafe<{ row: Json }[]>(sql)
    return found.map(({ row }) => row)
  }
  const engine = { ...serverEngine(db), ...seeded(dice, now) }
  return {
    engine,
    meet: (meeting) => meetOnPostgres(db, engine, ask, meeting),
    putPolicy: (policy) => putPolicy(db, policy),
    async addDevice(id, scopes) {
      await db.$executeRaw`
        INSERT INTO device (id, name, token_hash, scopes, incarnation)
        VALUES (${id}::uuid, 'sender', ${Buffer.from(id)}, ${scopes}, ${id}::uuid)`
    },
    async compact(scope, upTo) {
      await age(ask, scope, upTo, 100)
      await compact(ask, { minAgeHours: 0 })
    },
    async forget(most) {
      const sql = `SELECT answers::int FROM prune_answers('0', $1)`
      const [row] = await ask<{ answers: number }>(sql, [most])
      return row?.answers ?? 0
    },
    openConflicts: () => db.$queryRaw<OpenConflict[]>`
      SELECT c.id, c.version, c.scope, c."table", c.record_id, r.version AS record_version
      FROM conflict c JOIN record r ON r.scope = c.scope AND r."table" = c."table" AND r.id = c.record_id
      WHERE c.state = 'open' ORDER BY c.id`,
    dump: async () => ({
      head: await rows(`SELECT json_build_object('scope', scope, 'seq', seq, 'min_seq', min_seq) AS row
        FROM feed_head ORDER BY scope`),
      stream:
        await rows(`SELECT json_build_object('device', device_id, 'incarnation', incarnation, 'last_seq', last_seq,
        'revision', revision, 'last_hlc', last_hlc, 'pruned_seq', pruned_seq) AS row FROM device_stream ORDER BY device_id, incarnation`),
      hole: await rows(`SELECT json_build_object('seq', seq, 'op_id', op_id, 'table', "table", 'scope', scope,
        'record_id', record_id, 'saga_id', saga_id, 'code', code, 'attempts', attempts, 'device', device_id,
        'incarnation', incarnation) AS row FROM stream_hole ORDER BY device_id, incarnation, seq`),
      result:
        await rows(`SELECT json_build_object('seq', seq, 'op_id', op_id, 'hash', encode(payload_hash, 'hex'),
        'kind', kind, 'answer', answer, 'scope', scope, 'table', "table", 'record_id', record_id, 'version', version,
        'pushed', pushed, 'stands_on', stands_on, 'device_id', device_id, 'incarnation', incarnation) AS row
        FROM op_result ORDER BY op_id`),
      record:
        await rows(`SELECT json_build_object('scope', scope, 'table', "table", 'id', id, 'version', version,
        'data', data, 'checksum', checksum, 'hlc', hlc, 'vector', vector, 'device_id', last_device_id,
        'deleted', deleted, 'last_op_id', last_op_id) AS row FROM record ORDER BY scope, "table", id`),
      commit:
        await rows(`SELECT json_build_object('scope', scope, 'seq', seq, 'batch', batch, 'position', position,
        'changes', changes, 'size_bytes', size_bytes, 'digest', encode(digest, 'hex'), 'actor_kind', actor_kind,
        'actor_id', actor_id, 'trace_id', trace_id) AS row FROM feed_commit ORDER BY scope, seq`),
      change:
        await rows(`SELECT json_build_object('scope', scope, 'batch', batch, 'ordinal', ordinal, 'table', "table",
        'record_id', record_id, 'operation', operation, 'effect', effect, 'op_id', op_id, 'seq', seq,
        'outcome', outcome, 'before_version', before_version, 'after_version', after_version, 'data', data,
        'checksum', checksum, 'hlc', hlc, 'vector', vector, 'rule', rule, 'lost', lost, 'conflict_id', conflict_id,
        'dead_letter_id', dead_letter_id, 'device_id', device_id) AS row FROM feed_change ORDER BY scope, batch, ordinal`),
      conflict:
        await rows(`SELECT to_jsonb(c) - '{trace_id, created_at, resolved_at, resolved_by, reason, resolution}'::text[] AS row
        FROM conflict c ORDER BY id`),
      letter:
        await rows(`SELECT to_jsonb(d) - '{trace_id, created_at, updated_at, closed_at, closed_by, change_hash, reason}'::text[] AS row
        FROM dead_letter d ORDER BY id`),
      saga: await rows(`SELECT to_jsonb(g) - '{trace_id, started_at, progressed_at, ended_at}'::text[]
        || jsonb_build_object('is_over', ended_at IS NOT NULL) AS row FROM saga g ORDER BY id`),
      step: await rows(`SELECT to_jsonb(t) - '{trace_id, at, undone_at}'::text[] AS row
        FROM saga_step t ORDER BY saga_id, step`),
      lost: await rows(`SELECT json_build_object('devices', (
          SELECT json_agg(d.device_id ORDER BY d.device_id) FROM lost_history_device d WHERE d.lost_history_id = l.id
        )) AS row FROM lost_history l ORDER BY id DESC LIMIT 1`),
    }),
  }
}

export function modelTarget(
  dice: Dice,
  now: () => number,
  step: ModelHost['step'] = async () => {},
): Target & { database: ModelDatabase } {
  const database = new ModelDatabase('0193f3a2-b4c0-7000-8000-00000000e90c')
  const host: ModelHost = { now, step }
  const engine: Engine = {
    ...seeded(dice, now),
    store: modelStore(database, host),
    policies: policiesFrom((names) => readPolicies(database, host, names)),
    log: { started() {}, completed() {}, conflict() {}, retried() {}, failed() {} },
  }
  return {
    database,
    engine,
    meet: (meeting) => meetOnModel(database, engine, host, meeting),
    async putPolicy(policy) {
      const whole = { ...defaultPolicy(policy.name, policy.strategy), ...policy }
      const version = (database.tables.get('policies', policy.name)?.version ?? 0) + 1
      await database.transaction(host, (tx) =>
        tx.put('policies', policy.name, { name: policy.name, version, policy: whole }),
      )
    },
    async addDevice(id, granted) {
      const device = { id, token: id, status: 'active' as const, scopes: [...granted], incarnation: id }
      await database.transaction(host, (tx) => tx.put('devices', id, { ...device, resync_reason: null }))
    },
    async compact(scope, upTo) {
      await raiseMinSeq(database, host, { scope, seq: upTo })
      while ((await sweepFeed(database, host, { scope, maxCommits: 3 })) > 0);
    },
    forget: (most) => pruneAnswers(database, host, { beforeMs: now() + 1, most }),
    openConflicts: async () =>
      database.tables
        .all('conflicts')
        .filter(({ state }) => state === 'open')
        .toSorted((a, b) => (a.id < b.id ? -1 : 1))
        .flatMap(({ id, version, scope, table, record_id }) => {
          const record = database.tables.get('records', recordKey(scope, table, record_id))
          return record ? [{ id, version, scope, table, record_id, record_version: record.version }] : []
        }),
    dump: async () => {
      const { rows } = database.tables
      const inOrder = <T extends Json>(table: Map<string, T>) =>
        [...table].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
      const byPlace = (table: typeof rows.holes) =>
        inOrder(table).toSorted((a, b) => (a.incarnation === b.incarnation ? a.seq - b.seq : 0))
      const without = (row: object, ...names: string[]) =>
        Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name)))
      return JSON.parse(
        JSON.stringify({
          head: inOrder(rows.heads).map((row) => without(row, 'chain')),
          stream: inOrder(rows.streams).map((row) => without(row, 'pruned_until_ms')),
          hole: byPlace(rows.holes),
          result: inOrder(rows.results).map((row) => without(row, 'created_ms')),
          record: inOrder(rows.records),
          commit: inOrder(rows.commits).map((row) => without(row, 'chain', 'committed_at')),
          change: inOrder(rows.changes),
          conflict: inOrder(rows.conflicts),
          letter: inOrder(rows.letters).map((row) => without(row, 'change_hash')),
          saga: inOrder(rows.sagas).map((row) => ({
            ...without(row, 'progressed_ms'),
            is_over: row.state === 'completed' || row.state === 'compensated',
          })),
          step: inOrder(rows.steps),
          lost: inOrder(rows.lost).map(({ devices }) => ({ devices: devices.toSorted() })),
        }),
      ) as Dump
    },
  }
}
