import type { JsonObject } from '#lib/core/json.ts'

/** A row of a device's store, as far as the oracle reads it. */
export type Row = {
  scope: string
  table: string
  id: string
  server: { version: number; data: JsonObject | null } | null
  pending: number[]
  local: { data: JsonObject | null } | null
  conflicts: { opId: string }[]
}
/** An operation in a device's queue, likewise. */
export type Queued = {
  ordinal: number
  scope: string
  table: string
  id: string
  firstAnswer: object | null
  opId: string
  wasSent: boolean
  checksum: string
  operation: string
  baseVersion: number
  data: JsonObject | null
  hole: { code: string } | null
}
/** An answered operation in a device's journal, likewise. */
export type Journaled = { operation: Queued; answer: { kind: string; ref?: string | null } }
