import type { Breaker } from '#lib/core/breaker.ts'
import type { JsonObject } from '#lib/core/json.ts'
import type { Priority } from '#lib/protocol/sync.ts'
import type { Answer } from './answers.ts'
import * as aftermath from './aftermath.ts'
import { applyEdit } from './apply-edit.ts'
import { openDiary, type Transition } from './diary.ts'
import { enroll, type Enrollment, type EnrollmentRequest } from './enrollment.ts'
import { createExchanger } from './exchange.ts'
import { randomId, timeOrderedId } from './identifiers.ts'
import { newIdentity, readIdentity, type Identity } from './identity.ts'
import { createKernel, transact, type Kernel, type KernelOptions } from './kernel.ts'
import type { SyncState } from './machine.ts'
import { pendingCount, readQueue } from './queue.ts'
import { getRecord, listRecords, type LocalRecord } from './records.ts'
import { createSchedule, DEFAULT_SCHEDULE, type SchedulePolicy } from './schedule.ts'
import type { DeadLetter, RecordKey, ReviewItem } from './stored.ts'
import { createSyncEngine, type SyncReport } from './sync.ts'
import { Unit } from './unit.ts'

export interface DeviceOptions extends KernelOptions {
  /** Used when the store is empty; a store that holds a device keeps its id. Default: a random one. */
  readonly deviceId?: string
  readonly schedule?: Partial<SchedulePolicy>
}

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

  conflicts(): Promise<readonly aftermath.LocalConflict[]>
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
  /** Syncs by itself from now on: after edits, the sooner the more urgent, and now and then. */
  start(): void
  /** Something new is known to wait on the server, or the network is back. */
  poke(reason?: string): void
  /** Ends syncing by itself, and a running sync at the next safe point. */
  stop(): void
}

/** Opens the device that the store holds, or makes a new one in an empty store. */
export async function createDevice(options: DeviceOptions): Promise<Device> {
  const kernel = createKernel(options)
  const identity = await transact(kernel, (unit) => openIdentity(kernel, unit, options.deviceId))
  const listeners = new Set<(event: DeviceEvent) => void>()
  const emit = (event: DeviceEvent) => {
    // Each in a task of its own: a listener that throws is the app's fault, and must not break a sync.
    for (const listener of listeners) void Promise.resolve(event).then(listener)
  }
  const diary = openDiary(
    () => kernel.clock.nowMs(),
    (step) => emit({ kind: 'transition', ...step }),
  )
  const exchanger = createExchanger(kernel)
  const engine = createSyncEngine(kernel, exchanger, diary, {
    onAnswers: (answers) => emit({ kind: 'answered', answers }),
    onRecords: (keys) => emit({ kind: 'records', keys }),
    onProgress: (progress) => emit({ kind: 'progress', ...progress }),
  })
  let running: Promise<SyncReport> | null = null

  const run = (reason: string): Promise<SyncReport> => {
    running = engine.run(reason).finally(() => (running = null))
    return running.then((report) => {
      emit({ kind: 'finished', report })
      return report
    })
  }
  const read = <T>(task: (unit: Unit) => Promise<T>) => task(new Unit(kernel.storage))
  const overview = () =>
    read(async (unit) => {
      const { token, scopes } = await readIdentity(unit)
      const queue = await readQueue(unit)
      const feed = await unit.meta('feed', { token: null, epoch: null, lastSyncAtMs: null })
      return {
        state: diary.state(),
        breaker: exchanger.breaker().state,
        pending: pendingCount(queue),
        pendingByPriority: queue.pending,
        isEnrolled: token !== null,
        scopes,
        lastSyncAtMs: feed.lastSyncAtMs,
      }
    })
  const sync = async (reason = 'app'): Promise<SyncReport> => {
    const underWay = running
    if (!underWay) return run(reason)
    const report = await underWay
    // An edit made while that run was ending may have missed it.
    const { pending } = await overview()
    return report.outcome === 'complete' && pending > 0 ? sync(reason) : report
  }
  const schedule = createSchedule(kernel, { ...DEFAULT_SCHEDULE, ...options.schedule }, sync)
  /** Runs an edit. The task tells how urgent what it queued is; null where it queued nothing. */
  const edit = async (
    ref: RecordRef,
    task: (unit: Unit, key: RecordKey) => Promise<Priority | null>,
  ): Promise<{ key: RecordKey; record: LocalRecord | undefined; isQueued: boolean }> => {
    const { priority, ...edited } = await transact(kernel, async (unit) => {
      const key = await resolveKey(unit, ref)
      const priority = await task(unit, key)
      return { key, priority, record: await getRecord(unit, key) }
    })
    emit({ kind: 'records', keys: [edited.key] })
    if (priority) schedule.edited(priority)
    return { ...edited, isQueued: priority !== null }
  }

  return {
    id: identity.deviceId,
    enroll: (request) => enroll(kernel, exchanger.exchange, request),
    async put({ data, priority, id, ...ref }) {
      const full = { ...ref, id: id ?? timeOrderedId(kernel.clock, kernel.random) }
      const { key, record } = await edit(full, (unit, key) =>
        applyEdit(kernel, unit, { ...key, data, priority }),
      )
      if (!record) throw new Error(`${key.table}/${key.id} is missing right after it was written`)
      return record
    },
    async remove({ priority, ...ref }) {
      const { isQueued } = await edit(ref, (unit, key) =>
        applyEdit(kernel, unit, { ...key, data: null, priority }),
      )
      return isQueued
    },
    get: (ref) => read(async (unit) => getRecord(unit, await resolveKey(unit, ref))),
    list: ({ table, scope, after, limit }) =>
      read(async (unit) =>
        listRecords(unit, { table, scope: scope ?? (await defaultScope(unit)), after, limit }),
      ),
    conflicts: () => read(aftermath.listConflicts),
    async rebase(ref, data) {
      await edit(ref, (unit, key) => aftermath.rebase(kernel, unit, key, data))
    },
    async abandon(ref) {
      await edit(ref, (unit, key) => aftermath.abandon(unit, key).then(() => null))
    },
    deadLetters: () => read(aftermath.listDeadLetters),
    retryDeadLetter: (opId, data) =>
      transact(kernel, (unit) => aftermath.retryDeadLetter(kernel, unit, opId, data)),
    dismissDeadLetter: (opId) => transact(kernel, async (unit) => unit.delete('dead_letters', opId)),
    review: () => read(aftermath.listReview),
    restoreReview: (opId) => transact(kernel, (unit) => aftermath.restoreReview(kernel, unit, opId)),
    dismissReview: (opId) => transact(kernel, async (unit) => unit.delete('review', opId)),
    overview,
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    sync,
    start: () => schedule.start(),
    poke: (reason = 'poke') => schedule.poke(reason),
    stop() {
      schedule.stop()
      engine.stop()
    },
  }
}

async function openIdentity(kernel: Kernel, unit: Unit, deviceId: string | undefined): Promise<Identity> {
  const stored = await unit.meta('identity', newIdentity('', ''))
  if (stored.deviceId !== '') return stored
  const fresh = newIdentity(deviceId ?? randomId(kernel.random), randomId(kernel.random))
  unit.putMeta('identity', fresh)
  return fresh
}

async function resolveKey(unit: Unit, { table, id, scope }: RecordRef): Promise<RecordKey> {
  return { table, id, scope: scope ?? (await defaultScope(unit)) }
}

async function defaultScope(unit: Unit): Promise<string> {
  const { scopes } = await readIdentity(unit)
  return scopes.length === 1 ? (scopes[0] ?? 'default') : 'default'
}
