import type { JsonObject } from '#lib/core/json.ts'

// What a person's write settles, as push_commit writes it, and what a device's own does.

export type ResolveRow = {
  id: string
  version: number
  choice: 'client' | 'server' | 'merged'
  reason: string
  resolved_by: string
  resolution: JsonObject | null
  resolved_version: number
  /** The scope that the resolution moves the record to; null where it leaves it. */
  moved_to: string | null
}

/** A resolved conflict that is to be open again, in the scope that its resolution moved the record out of. */
export type ReopenRow = { id: string; version: number }

export type ReplayRow = {
  id: string
  version: number
  state: 'open' | 'replayed'
  outcome: 'replayed' | 'conflict' | 'failed'
  op_id: string
  code: string | null
  detail: string | null
  /** Of the new fault; null where the replay went well. */
  fingerprint: string | null
  pointers: string[] | null
  edited: string | null
  actor: string
}

/** A dead letter of an operation that came again within another one; read by itself, where a batch has such. */
export type LoadedLetter = {
  id: string
  op_id: string
  state: string
  schema_version: number
  /** As the device sent it. */
  change: string
  /** What the log has the operation itself write: it was taken once, and the answer to that is kept no more. */
  written: { data: JsonObject | null } | null
}

/** What a batch sends again of operations that were refused: their dead letters are closed with it. */
export type ResentRow = {
  device: string
  /** Dead letters that the decisions took for replayed. */
  replayed: string[]
  /** `discarded`: it was refused again, and the newer dead letter holds it. */
  sent: { op_id: string; by: string; outcome: 'replayed' | 'conflict' | 'discarded'; reason: string }[]
}
