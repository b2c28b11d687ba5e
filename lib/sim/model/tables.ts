import type {
  ConflictRow,
  DeadLetterRow,
  FeedChangeRow,
  Hole,
  LoadedRecord,
  OpResultRow,
} from '#lib/server/sync/store.ts'
import type { SagaRow, SagaStepRow, StepUndo } from '#lib/server/sync/saga-rows.ts'
import type { OlderSchema } from '#lib/server/tables/store.ts'
import type { AuditRow } from '#lib/server/audit/store.ts'

export type StreamRow = {
  device: string
  incarnation: string
  last_seq: number
  revision: number
  last_hlc: string
  /** Up to which answers are kept no more, and when the last of them was given. */
  pruned_seq: number
  pruned_until_ms: number | null
}
export type HoleRow = Hole & { device: string; incarnation: string }
export type ResultRow = OpResultRow & { device_id: string; incarnation: string; created_ms: number }
export type RecordRow = LoadedRecord & { last_op_id: string | null }
export type HeadRow = { scope: string; seq: number; min_seq: number; chain: string }
export type CheckpointRow = { scope: string; seq: number; swept_seq: number }
export type CommitRow = {
  scope: string
  seq: number
  batch: string
  position: number
  committed_at: string
  changes: number
  size_bytes: number
  digest: string
  chain: string
  actor_kind: string
  actor_id: string
  trace_id: string | null
}
export type ChangeRow = Omit<FeedChangeRow, 'final' | 'size_bytes'> & { batch: string }
export type ConflictRecord = ConflictRow & {
  version: number
  state: 'open' | 'resolved'
  choice: string | null
  resolved_version: number | null
  moved_from: string | null
}
export type LetterRow = DeadLetterRow & {
  state: 'open' | 'replayed' | 'discarded'
  version: number
  replay_op_id: string | null
}
export type AttemptRow = {
  dead_letter_id: string
  actor: string
  op_id: string | null
  outcome: string
  code: string | null
}
export type SagaRecord = Omit<SagaRow, 'progressed'> & { retried_as: string | null; progressed_ms: number }
export type StepRow = SagaStepRow & {
  undo: StepUndo | null
  undo_op_id: string | null
  undo_version: number | null
  undo_conflict_id: string | null
  undo_detail: string | null
}
/** A restored server that was noticed, and by whom. */
export type LostHistory = { noticed_ms: number; devices: string[] }
/** `older`: the schemas that the table had before. */
export type PolicyRow = { name: string; version: number; policy: unknown; older?: OlderSchema[] }
export type DeviceRow = {
  id: string
  token: string
  status: 'active' | 'revoked'
  scopes: string[]
  incarnation: string
  resync_reason: string | null
}

/** One row of each table. Rows are never changed in place: what a transaction writes is a new row. */
export type Rows = {
  streams: StreamRow
  holes: HoleRow
  results: ResultRow
  /** Which operation was answered at a seq: the primary key of `op_result`. */
  places: { op_id: string }
  records: RecordRow
  heads: HeadRow
  checkpoints: CheckpointRow
  commits: CommitRow
  changes: ChangeRow
  conflicts: ConflictRecord
  letters: LetterRow
  attempts: AttemptRow
  audit: AuditRow
  sagas: SagaRecord
  steps: StepRow
  lost: LostHistory
  policies: PolicyRow
  devices: DeviceRow
}
export type TableName = keyof Rows

export const separator = '\u0001'
/** A key of several parts. */
export const keyOf = (...parts: readonly (string | number)[]): string => parts.join(separator)
export const recordKey = (scope: string, table: string, id: string): string => keyOf(scope, table, id)
export const numbered = (value: number): string => String(value).padStart(10, '0')

export type Writes = { [T in TableName]: Map<string, Rows[T] | null> }

const emptyRows = () => ({
  ...{ streams: new Map(), holes: new Map(), results: new Map(), places: new Map(), records: new Map() },
  ...{ heads: new Map(), commits: new Map(), changes: new Map(), conflicts: new Map(), letters: new Map() },
  ...{ attempts: new Map(), audit: new Map(), sagas: new Map(), steps: new Map(), lost: new Map() },
  ...{ policies: new Map(), devices: new Map(), checkpoints: new Map() },
})

export const noWrites = (): Writes => emptyRows()

const names = Object.keys(emptyRows()) as TableName[]

/** Everything that is committed, and what stands in for its indexes. */
export class Tables {
  readonly rows: { [T in TableName]: Map<string, Rows[T]> } = emptyRows()
  /** Commits of a scope by seq, from 1. */
  readonly feeds = new Map<string, CommitRow[]>()
  /** Changes of a batch in a scope, by ordinal. */
  readonly batches = new Map<string, ChangeRow[]>()
  /** States of a record that are in the log, by key and version. */
  readonly states = new Map<string, ChangeRow>()
  /** The same where it left its scope. */
  readonly departures = new Map<string, ChangeRow>()

  get<T extends TableName>(table: T, key: string): Rows[T] | undefined {
    return this.rows[table].get(key)
  }

  all<T extends TableName>(table: T): Rows[T][] {
    return [...this.rows[table].values()]
  }

  feed(scope: string): readonly CommitRow[] {
    return this.feeds.get(scope) ?? []
  }

  changesOf({ scope, batch }: { scope: string; batch: string }): readonly ChangeRow[] {
    return this.batches.get(keyOf(scope, batch)) ?? []
  }

  departure(key: string, version: number): ChangeRow | undefined {
    return this.departures.get(keyOf(key, version))
  }

  state(key: string, version: number): ChangeRow | undefined {
    return this.states.get(keyOf(key, version))
  }

  /** The states after a version that are in the log, oldest first. */
  statesAfter(key: string, version: number): ChangeRow[] {
    const last = this.get('records', key)?.version ?? 0
    const versions = Array.from({ length: Math.max(0, last - version) }, (_, index) => version + 1 + index)
    return versions.flatMap((each) => this.state(key, each) ?? [])
  }

  /** All writes of a transaction at once. */
  apply(writes: Writes): void {
    for (const [key, change] of writes.changes) if (change === null) this.#forgetChange(key)
    for (const [key, commit] of writes.commits) if (commit === null) this.#forgetCommit(key)
    for (const name of names) this.#put(name, writes[name])
    for (const change of writes.changes.values()) if (change) this.#indexChange(change)
    for (const commit of writes.commits.values()) {
      if (!commit) continue
      const feed = this.feeds.get(commit.scope)
      if (feed) feed.push(commit)
      else this.feeds.set(commit.scope, [commit])
    }
  }

  copy(): Tables {
    const copy = new Tables()
    for (const name of names) {
      for (const [key, row] of this.rows[name]) copy.rows[name].set(key, row as never)
    }
    for (const [scope, feed] of this.feeds) copy.feeds.set(scope, [...feed])
    for (const [key, changes] of this.batches) copy.batches.set(key, [...changes])
    for (const [key, change] of this.states) copy.states.set(key, change)
    for (const [key, change] of this.departures) copy.departures.set(key, change)
    return copy
  }

  #put<T extends TableName>(name: T, rows: Writes[T]): void {
    const table: Map<string, Rows[T]> = this.rows[name]
    for (const [key, row] of rows) {
      if (row === null) table.delete(key)
      else table.set(key, row)
    }
  }

  #forgetChange(key: string): void {
    const change = this.rows.changes.get(key)
    if (!change) return
    const place = keyOf(change.scope, change.batch)
    this.batches.set(place, without(this.batches.get(place), change))
    if (change.effect === 'NONE') return
    const states = change.effect === 'LEAVE' ? this.departures : this.states
    states.delete(keyOf(recordKey(change.scope, change.table, change.record_id), change.after_version))
  }

  #forgetCommit(key: string): void {
    const commit = this.rows.commits.get(key)
    if (commit) this.feeds.set(commit.scope, without(this.feeds.get(commit.scope), commit))
  }

  #indexChange(change: ChangeRow): void {
    const key = keyOf(change.scope, change.batch)
    const batch = this.batches.get(key)
    if (batch) batch.push(change)
    else this.batches.set(key, [change])
    if (change.effect === 'NONE') return
    const states = change.effect === 'LEAVE' ? this.departures : this.states
    states.set(keyOf(recordKey(change.scope, change.table, change.record_id), change.after_version), change)
  }
}

const without = <T>(rows: readonly T[] | undefined, gone: T): T[] =>
  (rows ?? []).filter((row) => row !== gone)
