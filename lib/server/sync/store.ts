import type { JsonObject } from '#lib/core/json.ts'
import type { LostValue } from '#lib/core/merge.ts'
import type { FieldStamps } from '#lib/core/since.ts'
import type { TextEdits } from '#lib/core/text/fields.ts'
import type { Vector } from '#lib/core/vector.ts'
import type { AnswerFacts } from '#lib/protocol/confirm.ts'
import type { AuditRow } from '../audit/store.ts'
import type { LoadedLetter, ReopenRow, ReplayRow, ResentRow, ResolveRow } from './settling-rows.ts'
import type {
  DueSaga,
  LoadedSaga,
  NextUndo,
  SagaRetryRow,
  SagaRow,
  SagaStepRow,
  SagaUndoRow,
  WholeSaga,
} from './saga-rows.ts'
import type {
  BucketDifferences,
  FeedPage,
  LeavePage,
  LostHistoryNote,
  Positions,
  SnapshotPage,
  Standing,
} from './feed-page.ts'

export type RecordKey = { scope: string; table: string; id: string }

/** What a batch asks of the database before it decides. */
export type LoadRequest = {
  device: string | null
  incarnation: string | null
  op_ids: string[]
  keys: RecordKey[]
  bases: (RecordKey & { version: number })[]
  base_op_ids: string[]
  tables: string[]
  sagas: string[]
  /** Records of which every version after this one is asked for, because single fields or texts may be settled by it. */
  since: (RecordKey & { version: number })[]
  /** Where the device's token stands in the batch's scopes. */
  token: { scope: string; seq: number }[]
}

export type LoadedRecord = RecordKey & {
  version: number
  data: JsonObject | null
  checksum: string
  hlc: string
  vector: Vector
  device_id: string | null
  deleted: boolean
  /** What it held before, where it is deleted and the log still tells. */
  last_data?: JsonObject | null
  /** The scope that it left this one for. */
  moved_to?: string | null
}

export type Hole = {
  seq: number
  op_id: string | null
  scope: string | null
  table: string | null
  record_id: string | null
  saga_id: string | null
  code: string
  attempts: number
}

export type AnswerKind = 'accepted' | 'conflict' | 'rejected'

export type SeenOperation = {
  device_id: string
  incarnation: string
  seq: number
  op_id: string
  hash: string
  kind: AnswerKind
  answer: string
}

/** What push_load returns; a list is null where it is empty. */
export type Loaded = {
  stream: { last_seq: number; revision: number } | null
  /** Lives of this device of which the first answers, up to `seq`, are kept no more. */
  forgotten: { incarnation: string; seq: number; until_ms: number; last_hlc: string }[] | null
  holes: Hole[] | null
  seen: SeenOperation[] | null
  records: LoadedRecord[] | null
  bases: (RecordKey & { version: number; data: JsonObject | null; checksum: string })[] | null
  base_ops:
    | {
        op_id: string
        table: string | null
        record_id: string | null
        stands_on: number | null
        pushed: JsonObject | null
        known: boolean
        /** The record's version after it. */
        version: number | null
        /** From the texts it pushed to those the record took. */
        bridge: TextEdits | null
      }[]
    | null
  /** Versions after the one asked for, oldest first; not more than a thousand of them. */
  since: (RecordKey & { versions: LoadedVersion[] })[] | null
  open_conflicts: { id: string; scope: string; table: string; record_id: string; version: number }[] | null
  policies: { name: string; version: number }[] | null
  /** Those asked for, and those that the stream's open holes belong to. */
  sagas: LoadedSaga[] | null
  /** Of the scopes in `token`. */
  standing: Standing[] | null
  letters?: LoadedLetter[]
  /** It was noticed that this server had been restored: what devices know may be of a history that is lost. */
  was_restored: boolean
  now: string
  /** Which PostgreSQL told it, and since when that runs: undefined where there is but one, for ever. */
  life?: string
}

/** What a version wrote into the log beside its state, where its table's policy needs it. */
type LoadedVersion = {
  version: number
  hlc: string
  field_stamps: FieldStamps | null
  text_ops: TextEdits | null
}

/** One event of the log. `final` marks the last write of a record in its batch. */
export type FeedChangeRow = {
  final: 'insert' | 'update' | null
  scope: string
  ordinal: number
  table: string
  record_id: string
  operation: string
  effect: 'UPSERT' | 'DELETE' | 'LEAVE' | 'NONE'
  op_id: string
  seq: number | null
  outcome: string
  before_version: number
  after_version: number
  data: JsonObject | null
  checksum: string
  hlc: string
  vector: Vector
  rule: JsonObject
  lost: LostValue[] | null
  conflict_id: string | null
  dead_letter_id: string | null
  device_id: string | null
  size_bytes: number
}

export type OpResultRow = {
  seq: number
  op_id: string
  hash: string
  kind: AnswerKind
  answer: string
  scope: string | null
  table: string | null
  record_id: string | null
  version: number | null
  /** Wrapped, because the state may be null (a delete). `bridge` leads from its texts to those the record took. */
  pushed: { data: JsonObject | null; bridge?: TextEdits; sent?: JsonObject } | null
  stands_on: number | null
}

export type ConflictRow = {
  id: string
  code: string
  scope: string
  table: string
  record_id: string
  device_id: string | null
  op_id: string
  later_op_ids: string[]
  operation: string
  /** Where the device's operation moves the record; null where it leaves it in its scope. */
  to_scope: string | null
  fields: string[]
  base_version: number
  base_data: JsonObject | null
  client_data: JsonObject | null
  client_hlc: string
  client_vector: Vector
  server_version: number
  server_data: JsonObject | null
  server_hlc: string
  server_vector: Vector
  server_device_id: string | null
  strategy: string
}

export type DeadLetterRow = {
  id: string
  source: 'server' | 'device'
  device_id: string | null
  incarnation: string | null
  seq: number | null
  op_id: string | null
  code: string
  detail: string
  pointers: string[]
  scope: string | null
  table: string | null
  record_id: string | null
  fingerprint: string
  schema_version: number
  change: string
  change_hash: string
  attempts: number
}

/** A decided batch, as push_commit writes it. */
export type CommitRequest = {
  stream: {
    device: string
    incarnation: string
    revision: number
    last_seq: number
    /** The latest stamp in the batch. */
    last_hlc: string
  } | null
  holes: { open: Hole[]; close: number[] }
  rests_on: (RecordKey & { version: number })[]
  /** How many of the changes make a record that was not there. */
  inserts: number
  changes: FeedChangeRow[]
  results: OpResultRow[]
  conflicts: ConflictRow[]
  dead_letters: DeadLetterRow[]
  commits: { scope: string; changes: number; size_bytes: number; digest: string }[]
  /** Records that change scope: their open conflicts go with them. */
  moves: { table: string; id: string; from: string; to: string }[]
  /** Of what was loaded: where it is over, the server may have been restored since, and nothing is written. */
  life?: string | undefined
  batch: string
  actor_kind: string
  actor_id: string
  trace_id: string
  resolve: ResolveRow | null
  reopen: ReopenRow | null
  replay: ReplayRow | null
  resent: ResentRow | null
  sagas: SagaRow[]
  saga_steps: SagaStepRow[]
  saga_undos: SagaUndoRow[]
  saga_retry: SagaRetryRow | null
  audit: AuditRow[]
}

/** Answers of a device's operations, as they were first given. */
export type KnownAnswers = {
  results: ({ op_id: string; hash: string } & AnswerFacts)[]
  dead_letters: string[]
  /** Up to which seq of an incarnation answers may be kept no more. */
  forgotten: { incarnation: string; seq: number }[]
}

export type Committed = {
  heads: { [scope: string]: { seq: number; chain: string } }
  committed_at: string
  /** How long writing took, before publishing and committing. */
  write_ms: number
}

/**
 * What the sync engine needs of a database. Each call is one statement, with one view of the database; `commit` is one
 * transaction besides. Two implementations: Postgres (`postgres-store.ts`) and the model of the simulation
 * (`lib/sim/model`); one contract suite runs on both.
 */
export type SyncStore = {
  /** What a batch rests on, read without locks. */
  load: (request: LoadRequest) => Promise<Loaded>
  /** What is kept of operations that a device says were answered, and of the dead letters that it names. */
  answered: (asked: { device: string; op_ids: string[]; dead_letters: string[] }) => Promise<KnownAnswers>
  /** The dead letters of a device's operations. */
  lettersOf: (asked: { device: string; op_ids: string[] }) => Promise<LoadedLetter[]>
  /**
   * Writes a decided batch, or nothing.
   * `moved`: what the decisions rest on changed meanwhile, or two batches waited for each other: load and decide again.
   * `stale`: the conflict or dead letter that the batch closes was changed by someone else.
   */
  commit: (request: CommitRequest) => Promise<Committed | 'moved' | 'stale'>
  /** What is next to undo in a saga; null where there is nothing. */
  nextUndo: (sagaId: string) => Promise<NextUndo | null>
  /** Steps of a saga whose undoing ended so. `settled`: of those in conflict, the ones a person has settled. */
  blockedSteps: (sagaId: string, undo: 'failed' | 'settled') => Promise<number[]>
  /**
   * Sagas to look after, the longest waiting first: to be undone, running without progress since `restingSince`, or
   * stuck with a conflict that was settled.
   */
  dueSagas: (due: { restingSince: string; limit: number }) => Promise<DueSaga[]>
  /** What a retry of a saga rests on. */
  wholeSaga: (sagaId: string) => Promise<WholeSaga | null>
  /** The identity of this server's history. */
  epoch: () => Promise<string>
  /** Changes after these positions, in commit order and never part of a batch. */
  feedPage: (page: {
    asked: { scope: string; seq: number }[]
    maxChanges: number
    ownBatch: string | null
  }) => Promise<FeedPage>
  /** The records of revoked scopes as LEAVE, by key. */
  leavePage: (page: {
    leaving: { scope: string; seq: number; table: string; id: string }[]
    maxChanges: number
  }) => Promise<LeavePage[]>
  /** Where the feed stands. */
  feedPositions: (scopes: readonly string[]) => Promise<Positions>
  /**
   * Which of these versions the feed of their scope has told by `seq`, in the order asked. One that the log does not hold any
   * more was told by its mark; below that, by the next version that is left of the record.
   */
  toldBy: (versions: readonly (RecordKey & { version: number; seq: number })[]) => Promise<boolean[]>
  /** The live records of a scope as they were at `pin`, by key. */
  snapshotPage: (page: {
    scope: string
    pin: number
    afterTable: string
    afterId: string
    maxItems: number
  }) => Promise<SnapshotPage>
  /** The buckets in which a device's live records are not the server's at `pin` (null: now), with the server's own. */
  bucketDifferences: (asked: {
    scope: string
    pin: number | null
    tables: string[] | null
    buckets: { [table: string]: { [bucket: string]: string } }
    maxRecords: number
  }) => Promise<BucketDifferences>
  /** A device's token is of a history that this server no longer has. @returns whether that was news */
  noteLostHistory: (note: LostHistoryNote) => Promise<boolean>
  /** Conflicts of a device that still wait for a person. */
  openConflicts: (deviceId: string) => Promise<string[]>
  /** An admin's request for a full sync is served by the snapshot that begins now. */
  clearResyncReason: (deviceId: string) => Promise<void>
}
