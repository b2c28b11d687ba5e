import type { JsonObject } from '#lib/core/json.ts'
import type { FieldStamps } from '#lib/core/since.ts'
import type { TextEdits } from '#lib/core/text/fields.ts'
import type { Loaded, LoadRequest } from '#lib/server/sync/store.ts'
import { standingOf } from './feed-pages.ts'
import { loadSagas } from './sagas.ts'
import { recordKey, type Tables } from './tables.ts'

const orNull = <T>(rows: T[]): T[] | null => (rows.length > 0 ? rows : null)
const distinct = <T>(values: readonly T[]): T[] => [...new Set(values)]

/** What push_load of prisma/migrations/20261122190000_push_in_lists answers, on one view of the tables. */
export function pushLoad(tables: Tables, request: LoadRequest, nowMillis: number): Loaded {
  const { device, incarnation } = request
  const streams = tables.all('streams')
  const stream = streams.find((row) => row.device === device && row.incarnation === incarnation)
  const results = tables.rows.results
  const states = (scope: string, table: string, id: string, version: number) =>
    tables.state(recordKey(scope, table, id), version)
  return {
    stream: stream ? { last_seq: stream.last_seq, revision: stream.revision } : null,
    holes: orNull(
      tables
        .all('holes')
        .filter((hole) => hole.device === device && hole.incarnation === incarnation)
        .map(({ device: _device, incarnation: _incarnation, ...hole }) => hole),
    ),
    seen: orNull(
      distinct(request.op_ids).flatMap((opId) => {
        const found = results.get(opId)
        if (!found) return []
        const { device_id, incarnation, seq, op_id, hash, kind, answer } = found
        return [{ device_id, incarnation, seq, op_id, hash, kind, answer }]
      }),
    ),
    records: orNull(
      request.keys.flatMap(({ scope, table, id }) => {
        const found = tables.get('records', recordKey(scope, table, id))
        if (!found) return []
        const { last_op_id: _last, ...record } = found
        const key = recordKey(scope, table, id)
        const isUpsert = ({ effect }: { effect: string }) => effect === 'UPSERT'
        const last = record.deleted ? tables.statesAfter(key, 0).findLast(isUpsert) : undefined
        const { version } = record
        const gone = record.deleted
          ? (tables.departure(key, version) ?? tables.state(key, version))
          : undefined
        return [
          {
            ...record,
            last_data: last?.data ?? null,
            moved_to: (gone?.rule['moved_to'] ?? null) as string | null,
          },
        ]
      }),
    ),
    bases: orNull(
      request.bases.flatMap(({ scope, table, id, version }) => {
        const record = tables.get('records', recordKey(scope, table, id))
        const state = states(scope, table, id, version)
        return record && record.version !== version && state
          ? [{ scope, table, id, version, data: state.data, checksum: state.checksum }]
          : []
      }),
    ),
    base_ops: orNull(
      distinct(request.base_op_ids).flatMap((opId) => {
        const found = results.get(opId)
        if (!found || found.device_id !== device) return []
        const { scope, table, record_id, version, pushed, stands_on } = found
        const logged =
          pushed === null && scope !== null && table !== null && record_id !== null && version !== null
            ? states(scope, table, record_id, version)
            : undefined
        const data: JsonObject | null = pushed ? pushed.data : (logged?.data ?? null)
        return [
          {
            op_id: opId,
            table,
            record_id,
            stands_on,
            pushed: data,
            known: pushed !== null || logged !== undefined,
            version,
            bridge: pushed?.bridge ?? null,
          },
        ]
      }),
    ),
    since: orNull(
      request.since.flatMap(({ scope, table, id, version }) => {
        const versions = tables.statesAfter(recordKey(scope, table, id), version).map((change) => ({
          version: change.after_version,
          hlc: change.hlc,
          field_stamps: (change.rule['field_stamps'] ?? null) as FieldStamps | null,
          text_ops: (change.rule['text_ops'] ?? null) as TextEdits | null,
        }))
        return versions.length > 0 ? [{ scope, table, id, versions: versions.slice(0, 1_000) }] : []
      }),
    ),
    open_conflicts: orNull(
      request.keys.flatMap(({ scope, table, id }) =>
        tables
          .all('conflicts')
          // NULL is nobody's: what a person's write or an undoing left open is gone on with by no other.
          .filter((conflict) => device !== null && conflict.state === 'open' && conflict.device_id === device)
          .filter(
            (conflict) =>
              recordKey(conflict.scope, conflict.table, conflict.record_id) === recordKey(scope, table, id),
          )
          .map(({ id: conflictId, record_id, version }) => ({
            id: conflictId,
            scope,
            table,
            record_id,
            version,
          })),
      ),
    ),
    policies: orNull(
      distinct(request.tables).flatMap((name) => {
        const found = tables.get('policies', name)
        return found ? [{ name, version: found.version }] : []
      }),
    ),
    sagas: orNull(
      loadSagas(tables, [
        ...request.sagas,
        ...tables
          .all('holes')
          .filter((hole) => hole.device === device && hole.incarnation === incarnation)
          .flatMap(({ saga_id }) => saga_id ?? []),
      ]),
    ),
    standing: orNull(request.token.map((asked) => standingOf(tables, asked))),
    was_restored: tables.rows.lost.size > 0,
    forgotten: orNull(
      streams
        .filter((row) => incarnation !== null && row.device === device && row.pruned_until_ms !== null)
        .map((row) => ({
          ...{ incarnation: row.incarnation, seq: row.pruned_seq, until_ms: row.pruned_until_ms! },
          last_hlc: row.last_hlc,
        })),
    ),
    now: new Date(nowMillis).toISOString(),
  }
}
