import type { Breaker } from '#lib/core/breaker.ts'
import type { JsonObject } from '#lib/core/json.ts'
import type { Priority } from '#lib/protocol/sync.ts'
import type { LocalConflict } from './aftermath.ts'
import type { Answer } from './answers.ts'
import type { DigestReport } from './digest-check.ts'
import type { Transition } from './diary.ts'
import type { Enrollment, EnrollmentRequest } from './enrollment.ts'
import type { FieldEdits } from './field-edits.ts'
import type { SyncState } from './machine.ts'
import type { LocalRecord } from './records.ts'
import type { DeadLetter, RecordKey, ReviewItem } from './stored.ts'
import type { SyncReport } from './sync.ts'

/** A record's name in calls: the scope may be left out where the device has one alone. */
export interface RecordRef {
  readonly table: string
  readonly id: string
  readonly scope?: string
}

export type DeviceEvent =
  | ({ readonly kind: 'transition' } & Transition)
  /** These records look different now, by an edit here or by news from the server. */
  | { readonly kind: 'records'; readonly keys: readonly RecordKey[] }
  /** The server answered these operations for good. */
  | { readonly kind: 'answered'; readonly answers: readonly Answer[] }
  | { readonly kind: 'progress'; readonly accepted: number; readonly pulled: number }
  | { readonly kind: 'finished'; readonly report: SyncReport }

export interface DeviceOverview {
  readonly state: SyncState
  readonly breaker: Breaker['state']
  readonly pending: number
  readonly pendingByPriority: Readonly<Record<Priority, number>>
  readonly isEnrolled: boolean
  readonly scopes: readonly string[]
  readonly lastSyncAtMs: number | null
}

/**
 * One device: its local records, its queue, and its line to the server. Every call that changes
 * something is durable when its promise resolves; none of them waits for the network but `enroll`
 * and `sync`.
 */
export interface Device {
  readonly id: string

  /** @throws SyncFailure */
  enroll(request: EnrollmentRequest): Promise<Enrollment>

  /**
   * Creates the record or replaces its whole state, here and now, and queues that for the server.
   * @param edit.id left out for a new record
   * @throws InvalidEditError, StorageFullError; nothing is changed then
   */
  put(edit: {
    table: string
    id?: string
    scope?: string
    data: JsonObject
    priority?: Priority
  }): Promise<LocalRecord>
  /**
   * Changes some fields of the record as it is shown, and leaves the others as they are: those, too,
   * that a newer app has written and this one does not know.
   * @throws InvalidEditError `no_such_record`, and as `put`
   */
  patch(
    ref: RecordRef & { priority?: Priority },
    changes: { set?: JsonObject; unset?: readonly string[] },
  ): Promise<LocalRecord>
  /**
   * Does something to fields of the record as it is shown, each by what it is: counts, adds to a set, sets a
   * register, edits a text. What others do to the same field meanwhile counts as well, and neither is lost.
   * @param edits by dotted path
   * @throws InvalidEditError `no_such_record`, `wrong_type`, `invalid_step`, and as `put`
   */
  edit(ref: RecordRef & { priority?: Priority }, edits: FieldEdits): Promise<LocalRecord>
  /**
   * Makes all of these edits as the steps of one business transaction: all or none here and now; on the
   * server in this order, and undone where one of them fails. `data: null` deletes; `edits` are done to fields of
   * `data` besides, as by `edit`.
   * @returns the saga's id, and the records in the order of the edits; undefined where one is deleted
   * @throws InvalidEditError `empty_step` for an edit that changes nothing, and as `put`
   */
  saga(
    edits: readonly {
      table: string
      id?: string
      scope?: string
      data: JsonObject | null
      edits?: FieldEdits
    }[],
    options?: { priority?: Priority },
  ): Promise<{ sagaId: string; records: readonly (LocalRecord | undefined)[] }>
  /**
   * Moves the record, with what is pending on it, to another of this device's scopes. It is shown there at once.
   * @throws InvalidEditError `no_such_record`, `scope_not_granted`, `record_exists`, `cannot_move_now`
   */
  move(ref: RecordRef & { priority?: Priority }, toScope: string): Promise<LocalRecord>
  /** @returns false if there was no such record */
  remove(ref: RecordRef & { priority?: Priority }): Promise<boolean>
  get(ref: RecordRef): Promise<LocalRecord | undefined>
  /** Live records of a table in order of id; `after` and `limit` page through them. */
  list(where: {
    table: string
    scope?: string
    after?: string
    limit?: number
  }): Promise<readonly LocalRecord[]>

  conflicts(): Promise<readonly LocalConflict[]>
  /** Answers a `stale_version` conflict with a new edit on the server's version. */
  rebase(ref: RecordRef, data: JsonObject | null): Promise<void>
  /** Gives up this device's side of a record's conflicts. */
  abandon(ref: RecordRef): Promise<void>

  deadLetters(): Promise<readonly DeadLetter[]>
  retryDeadLetter(opId: string, data?: JsonObject | null): Promise<boolean>
  dismissDeadLetter(opId: string): Promise<void>

  review(): Promise<readonly ReviewItem[]>
  restoreReview(opId: string): Promise<boolean>
  dismissReview(opId: string): Promise<void>

  overview(): Promise<DeviceOverview>
  /** Events come after what they tell of is durable, in order. */
  subscribe(listener: (event: DeviceEvent) => void): () => void

  /**
   * Pushes everything pending and pulls everything new. Resolves when that is done or cannot be;
   * does not throw for failures of network or server. A call during a run joins it.
   */
  sync(reason?: string): Promise<SyncReport>
  /**
   * Syncs, and then compares what this device holds with what the server has; where they differ,
   * everything is fetched anew. Done by itself now and then (`policy.digestIntervalMs`).
   * @returns null where the sync or the comparison did not go through
   */
  verify(): Promise<DigestReport | null>
  /** Syncs by itself from now on: after edits, the sooner the more urgent, and now and then. */
  start(): void
  /** Something new is known to wait on the server, or the network is back. */
  poke(reason?: string): void
  /** Ends syncing by itself, and a running sync at the next safe point. */
  stop(): void
}
