import { answerFacts, type AnswerEntry } from '#lib/protocol/confirm.ts'
import type { LoadedLetter } from '#lib/server/sync/settling-rows.ts'
import type { KnownAnswers, SyncStore } from '#lib/server/sync/store.ts'
import type { Tables } from './tables.ts'

/** What `answered` of the Postgres store reads. */
export function knownAnswers(
  tables: Tables,
  { device, op_ids: opIds, dead_letters: letters }: Parameters<SyncStore['answered']>[0],
): KnownAnswers {
  const found = [...new Set(opIds)].toSorted().flatMap((opId) => tables.get('results', opId) ?? [])
  return {
    results: found
      .filter(({ device_id }) => device_id === device)
      .map(({ op_id, hash, kind, answer }) => {
        const entry = { kind, ...JSON.parse(answer) } as AnswerEntry
        return { op_id, hash, ...answerFacts(entry) }
      }),
    dead_letters: [...new Set(letters)]
      .filter((id) => tables.get('letters', id)?.device_id === device)
      .toSorted(),
    forgotten: tables
      .all('streams')
      .filter((row) => row.device === device && row.pruned_until_ms !== null)
      .map(({ incarnation, pruned_seq: seq }) => ({ incarnation, seq }))
      .toSorted((a, b) => (a.incarnation < b.incarnation ? -1 : 1)),
  }
}

/** The dead letters of a device's operations. */
export function lettersOf(
  tables: Tables,
  { device, op_ids: opIds }: Parameters<SyncStore['lettersOf']>[0],
): LoadedLetter[] {
  const found = tables
    .all('letters')
    .flatMap(({ id, device_id, op_id, state, schema_version, change, table, record_id }) =>
      device_id === device && op_id !== null && opIds.includes(op_id)
        ? [
            {
              ...{ id, op_id, state, schema_version, change },
              written: writtenBy(tables, { device, op_id, table, record_id }),
            },
          ]
        : [],
    )
  return found.toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

/** What an operation wrote by the log, as far as that is kept. */
function writtenBy(
  tables: Tables,
  by: { device: string; op_id: string; table: string | null; record_id: string | null },
): LoadedLetter['written'] {
  const change = tables
    .all('changes')
    .find(
      ({ op_id, device_id, table, record_id, effect }) =>
        op_id === by.op_id &&
        device_id === by.device &&
        table === by.table &&
        record_id === by.record_id &&
        (effect === 'UPSERT' || effect === 'DELETE'),
    )
  return change ? { data: change.data } : null
}
