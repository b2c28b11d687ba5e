import type { Priority } from '#lib/protocol/sync.ts'
import * as aftermath from './aftermath.ts'
import { applyEdit } from './apply-edit.ts'
import type { Device, DeviceEvent, RecordRef } from './device-api.ts'
import { openDiary } from './diary.ts'
import { enroll } from './enrollment.ts'
import { createExchanger } from './exchange.ts'
import { randomId, timeOrderedId } from './identifiers.ts'
import { newIdentity, readIdentity, type Identity } from './identity.ts'
import { createKernel, transact, type Kernel, type KernelOptions } from './kernel.ts'
import { moveRecord } from './move.ts'
import { editRecord, patchRecord } from './partial-edits.ts'
import { pendingCount, readQueue } from './queue.ts'
import { getRecord, listRecords, type LocalRecord } from './records.ts'
import { listReview } from './review.ts'
import { applySaga } from './saga.ts'
import { createSchedule, DEFAULT_SCHEDULE, type SchedulePolicy } from './schedule.ts'
import type { RecordKey } from './stored.ts'
import { createSyncEngine, type SyncReport } from './sync.ts'
import { Unit } from './unit.ts'

export interface DeviceOptions extends KernelOptions {
  /** Used when the store is empty; a store that holds a device keeps its id. Default: a random one. */
  readonly deviceId?: string
  readonly schedule?: Partial<SchedulePolicy>
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
    if (priority) {
      schedule.edited(priority)
      engine.nudge()
    }
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
      return existing(key, record)
    },
    async patch({ priority, ...ref }, { set = {}, unset = [] }) {
      const { key, record } = await edit(ref, (unit, key) =>
        patchRecord(kernel, unit, key, { set, unset, priority }),
      )
      return existing(key, record)
    },
    async edit({ priority, ...ref }, edits) {
      const { key, record } = await edit(ref, (unit, key) =>
        editRecord(kernel, unit, key, { edits, priority }),
      )
      return existing(key, record)
    },
    async move({ priority, ...ref }, toScope) {
      const { key } = await edit(ref, (unit, key) => moveRecord(kernel, unit, key, toScope, priority))
      const moved = { ...key, scope: toScope }
      emit({ kind: 'records', keys: [moved] })
      return existing(moved, await read((unit) => getRecord(unit, moved)))
    },
    async saga(edits, { priority } = {}) {
      const made = await transact(kernel, (unit) => applySaga(kernel, unit, edits, priority, resolveKey))
      emit({ kind: 'records', keys: made.keys })
      schedule.edited(made.priority)
      engine.nudge()
      return { sagaId: made.sagaId, records: made.records }
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
    dismissDeadLetter: (opId) => transact(kernel, (unit) => aftermath.dismissDeadLetter(unit, opId)),
    review: () => read(listReview),
    restoreReview: (opId) => transact(kernel, (unit) => aftermath.restoreReview(kernel, unit, opId)),
    dismissReview: (opId) => transact(kernel, async (unit) => unit.delete('review', opId)),
    overview,
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    sync,
    async verify() {
      engine.wantDigest()
      const report = await sync('verify')
      // A run that was under way had perhaps passed the point already.
      return report.digest ?? (await sync('verify')).digest
    },
    start: () => schedule.start(),
    poke: (reason = 'poke') => schedule.poke(reason),
    stop() {
      schedule.stop()
      engine.stop()
    },
  }
}

function existing({ table, id }: RecordKey, record: LocalRecord | undefined): LocalRecord {
  if (!record) throw new Error(`${table}/${id} is missing right after it was written`)
  return record
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
