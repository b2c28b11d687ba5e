import type { Json } from '#lib/core/json.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import {
  bucketHash,
  bucketOf,
  type DigestLine,
  type DigestReply,
  type DigestRequest,
} from '#lib/protocol/digest.ts'
import type { ServerChange, SyncReply } from '#lib/protocol/sync.ts'
import { sha256Hex, type Row } from './model-answers.ts'

/** What pulling and full syncs read of the model server. */
export interface ModelHistory {
  readonly rows: ReadonlyMap<string, Row>
  readonly feed: readonly ServerChange[]
  /** The name of each commit of the feed. */
  readonly chain: readonly string[]
  readonly epoch: string
  /** Feed positions below this are compacted away. */
  readonly minPosition: number
  readonly pageSize: number
  readonly snapshotPage: number
}

/** The changes after a token, or why there are none on it. */
export function feedPage(
  history: ModelHistory,
  token: string | null,
): Pick<SyncReply, 'sync_token' | 'epoch' | 'server_changes' | 'has_more' | 'resync'> {
  const { feed, chain, epoch, minPosition, pageSize } = history
  const [tokenEpoch, at, tokenChain] = token === null ? [epoch, '0', ''] : token.split('@')
  const from = Number(at)
  const reason = (): NonNullable<SyncReply['resync']>['reason'] | null => {
    if (tokenEpoch !== epoch) return 'epoch_changed'
    if (from > feed.length) return 'token_ahead'
    if (from < minPosition) return token === null ? 'first_sync' : 'token_expired'
    return tokenChain === (chain[from - 1] ?? '') ? null : 'history_diverged'
  }
  const why = reason()
  const to = why ? from : Math.min(feed.length, from + pageSize)
  return {
    sync_token: tokenAt(history, to),
    epoch,
    server_changes: why
      ? []
      : feed.slice(from, to).map((each, index) => ({ ...each, seq: from + index + 1 })),
    has_more: !why && to < feed.length,
    resync: why && { reason: why },
  }
}

/** A page of every live record. */
export function snapshotPage(history: ModelHistory, path: string): Record<string, Json> {
  const { rows, feed, epoch, snapshotPage: size } = history
  const cursor = new URLSearchParams(path.split('?')[1]).get('cursor')
  const [pinned = 0, start = 0] = cursor === null ? [feed.length, 0] : cursor.split('+').map(Number)
  const live = [...rows].filter(([, row]) => row.data !== null).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const items = live.slice(start, start + size).map(([key, row]) => {
    const [scope, table, record_id] = JSON.parse(key)
    const { version, data, hlc } = row
    return { scope, table, record_id, version, data, hlc, checksum: recordChecksum(data, sha256Hex) }
  })
  const end = start + items.length
  return end < live.length
    ? { items, next_cursor: `${pinned}+${end}`, epoch }
    : { items, next_cursor: null, epoch, sync_token: tokenAt(history, pinned) }
}

/** Where a device's rows of a scope are not what is here. */
export function digestReply(history: ModelHistory, request: DigestRequest): DigestReply {
  const here = new Map<string, DigestLine[]>()
  for (const [key, { version, data }] of history.rows) {
    const [scope, table, record_id] = JSON.parse(key)
    if (scope !== request.scope || data === null) continue
    const place = JSON.stringify([table, bucketOf(record_id, sha256Hex)])
    const line = { record_id, version, checksum: recordChecksum(data, sha256Hex) }
    here.set(place, [...(here.get(place) ?? []), line])
  }
  const asked = Object.entries(request.buckets).flatMap(([table, hashes]) =>
    Object.keys(hashes).map((bucket) => JSON.stringify([table, bucket])),
  )
  const buckets: DigestReply['buckets'] = {}
  for (const place of new Set([...here.keys(), ...asked])) {
    const [table, bucket] = JSON.parse(place)
    const lines = here.get(place) ?? []
    const hash = lines.length > 0 ? bucketHash(lines, sha256Hex) : undefined
    if (request.buckets[table]?.[bucket] === hash) continue
    const versions = Object.fromEntries(lines.map((line) => [line.record_id, line.version]))
    buckets[table] = { ...buckets[table], [bucket]: versions }
  }
  const { epoch, feed } = history
  return { scope: request.scope, epoch, seq: feed.length, buckets, has_more: false, resync: null }
}

function tokenAt({ epoch, chain }: ModelHistory, at: number): string {
  return `${epoch}@${at}@${chain[at - 1] ?? ''}`
}
