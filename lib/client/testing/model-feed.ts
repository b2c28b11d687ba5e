import type { Json } from '#lib/core/json.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
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

function tokenAt({ epoch, chain }: ModelHistory, at: number): string {
  return `${epoch}@${at}@${chain[at - 1] ?? ''}`
}
