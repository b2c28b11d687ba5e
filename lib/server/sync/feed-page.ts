/** Where the server stands in a scope that a token names. `chain` is null where there is no commit at that seq. */
export type Standing = { scope: string; seq: number; head: number; min_seq: number; chain: string | null }

export type Positions = { [scope: string]: { seq: number; chain: string } }

export type FeedPage = {
  standing: Standing[] | null
  /** How far the page reaches, in the scopes it has something of. */
  positions: Positions | null
  /** Server changes as JSON texts, each of one or several, comma-separated: a large page is not one large text. */
  changes: readonly string[]
  delivered: number
  has_more: boolean
}

export type LeavePage = {
  scope: string
  changes: string
  delivered: number
  last_table: string | null
  last_id: string | null
}

export type SnapshotPage = {
  /** Snapshot items as JSON text, comma-separated. */
  items: string
  delivered: number
  last_table: string | null
  last_id: string | null
  has_more: boolean
  /** The log was compacted past the pin: the state there can no longer be told. */
  is_expired: boolean
}

export type BucketDifferences = {
  head: number
  min_seq: number
  /** The feed's chain at the pin; null where there is no commit. */
  chain: string | null
  /** {table: {bucket: {record_id: version}}} as JSON text. */
  buckets: string
  has_more: boolean
}

/** Pages are cut here, so that a few large records do not make a reply that no device can hold. */
export const maxPageBytes = 8 * 1024 * 1024

/** A token, signed by this server, that says more than the server has. */
export type LostHistoryNote = {
  device_id: string
  reason: 'token_ahead' | 'history_diverged'
  scope: string
  /** Where the token stands, and where the feed stands now. */
  seq: number
  head: number
  /** When the token was made; null for one that does not say. */
  issued_at: string | null
  trace_id: string
}
