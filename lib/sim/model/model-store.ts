import { sqlState } from '#lib/server/sql-state.ts'
import type { SyncStore } from '#lib/server/sync/store.ts'
import { bucketDifferences } from './buckets.ts'
import { feedPage, feedPositions, leavePage, snapshotPage, toldBy } from './feed-pages.ts'
import type { ModelDatabase, ModelHost } from './model-database.ts'
import { pushCommit } from './push-commit.ts'
import { blockedSteps, dueSagas, nextUndo, wholeSaga } from './sagas.ts'
import { knownAnswers, lettersOf } from './known-answers.ts'
import { pushLoad } from './push-load.ts'
import type { PolicyRow } from './tables.ts'

/** What crosses the wire is text: nobody's later change to an object reaches the database, nor the other way. */
const wired = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

/** jsonb keeps an object's keys by length, then by their bytes: what is read back has them in that order. */
function asJsonb<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(asJsonb) as T
  const entries = Object.entries(value).map(([key, inner]): [string, unknown] => [key, asJsonb(inner)])
  const size = (key: string) => Buffer.byteLength(key)
  return Object.fromEntries(
    entries.toSorted(([a], [b]) => size(a) - size(b) || Buffer.compare(Buffer.from(a), Buffer.from(b))),
  ) as T
}

/** The sync engine's store on a model database, through one connection. */
export function modelStore(database: ModelDatabase, host: ModelHost): SyncStore {
  const statement = async <T>(name: string, run: () => T): Promise<T> => {
    await host.step({ name, commits: false })
    return wired(run())
  }
  return {
    load: (request) => statement('load', () => pushLoad(database.tables, request, host.now())),
    answered: (asked) => statement('answered', () => knownAnswers(database.tables, asked)),
    lettersOf: (asked) => statement('letters of', () => lettersOf(database.tables, asked)),
    async commit(request) {
      try {
        return await pushCommit(database, host, asJsonb(wired(request)))
      } catch (error) {
        switch (sqlState(error)) {
          case 'HF001':
          case '40001':
          case '40P01':
          case '23505':
            return 'moved'
          case 'HF002':
            return 'stale'
          default:
            throw error
        }
      }
    },
    epoch: () => statement('epoch', () => database.epoch),
    feedPage: (page) => statement('feed page', () => feedPage(database.tables, page)),
    leavePage: (page) => statement('leave page', () => leavePage(database.tables, page)),
    feedPositions: (scopes) => statement('feed positions', () => feedPositions(database.tables, scopes)),
    toldBy: (versions) => statement('told by', () => toldBy(database.tables, versions)),
    snapshotPage: (page) => statement('snapshot page', () => snapshotPage(database.tables, page)),
    nextUndo: (sagaId) => statement('next undo', () => nextUndo(database.tables, sagaId)),
    blockedSteps: (sagaId, undo) =>
      statement('blocked steps', () => blockedSteps(database.tables, sagaId, undo)),
    dueSagas: (due) => statement('due sagas', () => dueSagas(database.tables, due)),
    wholeSaga: (sagaId) => statement('whole saga', () => wholeSaga(database.tables, sagaId)),
    bucketDifferences: (asked) => statement('buckets', () => bucketDifferences(database.tables, asked)),
    noteLostHistory: ({ device_id, issued_at }) =>
      database.transaction(host, async (tx) => {
        await host.step({ name: 'note lost history', commits: false })
        await tx.lock('lost', '')
        const known = tx.get('lost', '')
        const isNew = !known || (issued_at !== null && Date.parse(issued_at) > known.noticed_ms)
        const loss = isNew ? { noticed_ms: host.now(), devices: [] } : known
        await tx.put('lost', '', { ...loss, devices: [...new Set([...loss.devices, device_id])] })
        return isNew
      }),
    openConflicts: (deviceId) =>
      statement('open conflicts', () =>
        database.tables
          .all('conflicts')
          .filter(({ state, device_id }) => state === 'open' && device_id === deviceId)
          .map(({ id }) => id)
          .toSorted(),
      ),
    clearResyncReason: (deviceId) =>
      database.transaction(host, async (tx) => {
        await host.step({ name: 'clear resync', commits: false })
        await tx.lock('devices', deviceId)
        const device = tx.get('devices', deviceId)
        if (device?.resync_reason) await tx.put('devices', deviceId, { ...device, resync_reason: null })
      }),
  }
}

/** Reads policies, as `selectPolicies` does. */
export async function readPolicies(
  database: ModelDatabase,
  host: ModelHost,
  names: readonly string[],
): Promise<PolicyRow[]> {
  await host.step({ name: 'policies', commits: false })
  return names.flatMap((name) => {
    const found = database.tables.get('policies', name)
    return found ? [wired(found)] : []
  })
}
