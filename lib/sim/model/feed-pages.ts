import {
  maxPageBytes,
  type FeedPage,
  type LeavePage,
  type Positions,
  type SnapshotPage,
  type Standing,
} from '#lib/server/sync/feed-page.ts'
import type { SyncStore } from '#lib/server/sync/store.ts'
import { recordKey, type ChangeRow, type CommitRow, type RecordRow, type Tables } from './tables.ts'

type Asked<Call extends keyof SyncStore> = Parameters<SyncStore[Call]>[0]

/** Where the feed of a scope stands, for somebody who stands at `seq`. */
export function standingOf(tables: Tables, { scope, seq }: { scope: string; seq: number }): Standing {
  const head = tables.get('heads', scope)
  const chain = tables.feed(scope).find((commit) => commit.seq === seq)?.chain ?? null
  return { scope, seq, head: head?.seq ?? 0, min_seq: head?.min_seq ?? 0, chain }
}

/** pull_page of prisma/migrations/20261122132100_pull_by_commit. */
export function feedPage(tables: Tables, { asked, maxChanges, ownBatch }: Asked<'feedPage'>): FeedPage {
  const standing = asked.map((each) => standingOf(tables, each))
  const ahead = asked
    .flatMap(({ scope, seq }) =>
      tables
        .feed(scope)
        .filter((commit) => commit.seq > seq)
        .slice(0, maxChanges + 1),
    )
    .toSorted((a, b) => a.position - b.position || (a.scope < b.scope ? -1 : 1))
  const page = maxChanges > 0 ? cut(ahead, maxChanges) : []
  const positions: Positions = {}
  for (const { scope, seq, chain } of page) positions[scope] = { seq, chain }
  const told = page.flatMap((commit) =>
    tables
      .changesOf(commit)
      .filter(({ effect }) => effect !== 'NONE')
      .filter(({ outcome }) => !(commit.batch === ownBatch && outcome === 'applied'))
      .map((change) => serverChange(commit, change)),
  )
  return {
    standing: standing.length > 0 ? standing : null,
    positions: page.length > 0 ? positions : null,
    changes: told,
    delivered: told.length,
    has_more: ahead.length > page.length,
  }
}

/** Whole batches, in all their scopes, as many as fit; the first one always does. */
function cut(ahead: readonly CommitRow[], maxChanges: number): CommitRow[] {
  const first = ahead[0]?.position
  const through = (position: number) => ahead.filter((commit) => commit.position <= position)
  return ahead.filter(({ position }) => {
    const until = through(position)
    const changes = until.reduce((total, commit) => total + commit.changes, 0)
    const bytes = until.reduce((total, commit) => total + commit.size_bytes, 0)
    return position === first || (changes <= maxChanges && bytes <= maxPageBytes)
  })
}

function serverChange({ scope, seq, actor_kind, actor_id }: CommitRow, change: ChangeRow): string {
  const { table, record_id, effect, after_version, data, checksum, hlc, conflict_id } = change
  return JSON.stringify({
    ...{ scope, seq, table, record_id, operation: effect, version: after_version, data, checksum, hlc },
    by: { kind: actor_kind, id: actor_id },
    conflict_id,
  })
}

const isAfter = (row: { table: string; id: string }, table: string, id: string) =>
  row.table > table || (row.table === table && row.id > id)
const inOrder = (a: { table: string; id: string }, b: { table: string; id: string }) =>
  isAfter(a, b.table, b.id) ? 1 : -1

/** leave_page */
export function leavePage(tables: Tables, { leaving, maxChanges }: Asked<'leavePage'>): LeavePage[] {
  return leaving.map(({ scope, seq, table, id }) => {
    const rows = tables
      .all('records')
      .filter((record) => record.scope === scope && isAfter(record, table, id))
      .toSorted(inOrder)
      .slice(0, maxChanges)
    const told = rows.map((row) =>
      JSON.stringify({
        ...{ scope, seq, table: row.table, record_id: row.id, operation: 'LEAVE', version: row.version },
        ...{ data: null, checksum: row.checksum, hlc: row.hlc },
        by: { kind: 'system', id: 'scope-revoked' },
        conflict_id: null,
      }),
    )
    const last = rows.at(-1)
    return {
      ...{ scope, changes: told.join(','), delivered: told.length },
      ...{ last_table: last?.table ?? null, last_id: last?.id ?? null },
    }
  })
}

export function feedPositions(tables: Tables, scopes: readonly string[]): Positions {
  return Object.fromEntries(
    scopes.flatMap((scope) => {
      const head = tables.get('heads', scope)
      return head ? [[scope, { seq: head.seq, chain: head.chain }]] : []
    }),
  )
}

export function toldBy(tables: Tables, versions: Asked<'toldBy'>): boolean[] {
  return versions.map(({ scope, table, id, version, seq }) => {
    const key = recordKey(scope, table, id)
    const last = Math.max(version, tables.get('records', key)?.version ?? 0)
    const known = Array.from({ length: last - version + 1 }, (_, index) => version + index).flatMap(
      (each) => tables.state(key, each) ?? tables.departure(key, each) ?? [],
    )[0]
    const commit = tables.feed(scope).find(({ batch }) => batch === known?.batch)
    if (commit && commit.seq <= seq) return true
    return known?.after_version !== version && seq >= (tables.get('heads', scope)?.min_seq ?? 0)
  })
}

type Live = Pick<RecordRow, 'table' | 'id' | 'version' | 'data' | 'checksum' | 'hlc'>

/** The live records of a scope as they were at a position of its feed, by key. */
export function liveAt(tables: Tables, scope: string, pin: number): Live[] {
  const first = new Map<string, ChangeRow>()
  for (const commit of tables.feed(scope)) {
    if (commit.seq <= pin) continue
    for (const change of tables.changesOf(commit)) {
      const key = recordKey(scope, change.table, change.record_id)
      const known = first.get(key)
      if (change.effect !== 'NONE' && (!known || change.after_version < known.after_version))
        first.set(key, change)
    }
  }
  const unchanged: Live[] = tables
    .all('records')
    .filter((record) => record.scope === scope && !record.deleted)
    .filter((record) => !first.has(recordKey(scope, record.table, record.id)))
  const changed = [...first.values()].flatMap(({ table, record_id: id, before_version: version, rule }) => {
    // What comes from another scope goes on from its version there.
    const wasHere = version > 0 && rule['moved_from'] === undefined
    const then = wasHere ? tables.state(recordKey(scope, table, id), version) : undefined
    return then?.effect === 'UPSERT'
      ? [{ table, id, version: then.after_version, data: then.data, checksum: then.checksum, hlc: then.hlc }]
      : []
  })
  return [...unchanged, ...changed].toSorted(inOrder)
}

/** snapshot_page: what changed since `pin` is told as it was then. */
export function snapshotPage(
  tables: Tables,
  { scope, pin, afterTable, afterId, maxItems }: Asked<'snapshotPage'>,
): SnapshotPage {
  const rows = liveAt(tables, scope, pin).filter((row) => isAfter(row, afterTable, afterId))
  const page = rows.slice(0, maxItems)
  const last = page.at(-1)
  return {
    items: page
      .map(({ table, id, version, data, checksum, hlc }) =>
        JSON.stringify({ scope, table, record_id: id, version, data, checksum, hlc }),
      )
      .join(','),
    delivered: page.length,
    last_table: last?.table ?? null,
    last_id: last?.id ?? null,
    has_more: rows.length > page.length,
    is_expired: (tables.get('heads', scope)?.min_seq ?? 0) > pin,
  }
}
