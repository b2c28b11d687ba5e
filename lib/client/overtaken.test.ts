import { expect, test } from 'vitest'
import { applyAnswers } from './answers.ts'
import { applyEdit } from './apply-edit.ts'
import { createKernel, transact, type Kernel } from './kernel.ts'
import { createMemoryStore } from './memory-store.ts'
import { assignSeqs, readLanes } from './queue.ts'
import { newIdentity } from './identity.ts'
import { getRecord } from './records.ts'
import { snapshotReplySchema, syncReplySchema } from './replies.ts'
import { contentOf } from './review.ts'
import { clearGraves } from './rows.ts'
import { applyServerChange } from './server-changes.ts'
import { applySnapshotPage, beginSnapshot } from './snapshot.ts'
import { openStamps } from './stamps.ts'
import { seededRandom } from './testing/bench.ts'
import { sha256Hex } from './testing/model-answers.ts'

// What a reply answers may be ahead of the page that comes with it: the page goes on where the token stood.

const key = { scope: 'default', table: 'notes', id: '0193f3a2-b4c0-7000-8000-00000000aaaa' }
const clock = { nowMs: () => Date.parse('2026-11-22T08:00:00Z'), schedule: () => () => {} }

async function device(): Promise<Kernel> {
  const transport = { send: () => Promise.reject(new Error('nothing is sent here')) }
  const storage = createMemoryStore()
  const kernel = createKernel({ storage, transport, clock, random: seededRandom(1), sha256Hex })
  await transact(kernel, async (unit) => unit.putMeta('identity', newIdentity('device', 'life')))
  return kernel
}

const edit = (kernel: Kernel, data: { name: string } | null) =>
  transact(kernel, (unit) => applyEdit(kernel, unit, { ...key, data, priority: undefined }))

/** Sends what waits, and takes it as answered so. */
async function answer(kernel: Kernel, given: object): Promise<number> {
  const batch = await transact(kernel, async (unit) => assignSeqs(unit, (await readLanes(unit, 9)).flat()))
  const [operation] = batch
  const named = { op_id: operation!.opId, record_id: key.id, ...given }
  const isRefused = 'retryable' in named
  const reply = syncReplySchema.parse({
    ...{ sync_token: null, epoch: 'e', server_time: '2026-11-22T08:00:00Z', has_more: false, resync: null },
    ...{
      accepted: isRefused ? [] : [named],
      rejected: isRefused ? [named] : [],
      conflicts: [],
      server_changes: [],
    },
  })
  return transact(kernel, async (unit) => {
    const stamps = await openStamps(unit, clock, 'device')
    return (await applyAnswers(kernel, unit, stamps, batch, reply)).strays
  })
}

const news = (
  kernel: Kernel,
  operation: 'UPSERT' | 'DELETE' | 'LEAVE',
  version: number,
  data: object | null,
) =>
  transact(kernel, async (unit) => {
    const { scope, table, id: record_id } = key
    const stamps = await openStamps(unit, clock, 'device')
    const change = { scope, table, record_id, operation, version, data: data as { name: string } | null }
    return applyServerChange(kernel, unit, stamps, {
      ...change,
      checksum: null,
      hlc: null,
      conflict_id: null,
    })
  })

const shown = (kernel: Kernel) => transact(kernel, (unit) => getRecord(unit, key))
const applied = (version: number) => ({ version, outcome: 'applied', data: null, checksum: 'x' })

test('older news of a record does not bring it back once its deletion was answered', async () => {
  const kernel = await device()
  await news(kernel, 'UPSERT', 1, { name: 'old' })
  await edit(kernel, null)
  await answer(kernel, applied(3))
  await news(kernel, 'UPSERT', 2, { name: 'older than the deletion' })
  expect(await shown(kernel)).toBeUndefined()
  await transact(kernel, clearGraves)
  expect(await kernel.storage.scan('records', {})).toEqual([])
})

test('the news that a record left is old once an answer says that it is back', async () => {
  const kernel = await device()
  await edit(kernel, { name: 'back' })
  await answer(kernel, applied(4))
  await news(kernel, 'LEAVE', 3, null)
  expect(await shown(kernel)).toMatchObject({ data: { name: 'back' }, syncStatus: 'synced' })
  await news(kernel, 'LEAVE', 5, null)
  expect(await shown(kernel)).toBeUndefined()
})

test('an operation that waits for one which this store never sent is a stray', async () => {
  const kernel = await device()
  await edit(kernel, { name: 'alone' })
  const wait = { code: 'dependency_pending', detail: 'Operation 7 must be answered first.', retryable: true }
  expect(await answer(kernel, wait)).toBe(1)
})

test('a full sync tells which conflicts are still open: the others are over', async () => {
  const kernel = await device()
  const edit = contentOf({
    ...{
      ...key,
      priority: 'normal',
      operation: 'UPDATE',
      baseVersion: 1,
      baseChecksum: null,
      baseOpId: null,
    },
    ...{
      data: { name: 'mine' },
      hlc: '',
      checksum: '',
      sizeBytes: 0,
      editedAtMs: 0,
      schemaVersion: 1,
      textOps: null,
      saga: null,
    },
  })
  const conflict = (id: string) => ({
    edit,
    ...{ opId: id, conflictId: id, code: 'manual' as const, fields: [], mine: { name: 'mine' } },
    ...{
      baseVersion: 1,
      serverVersion: 2,
      serverData: { name: 'theirs' },
      baseData: null,
      baseChecksum: null,
      atMs: 0,
    },
  })
  await news(kernel, 'UPSERT', 2, { name: 'theirs' })
  await transact(kernel, async (unit) => {
    const [entry] = await unit.scan('records', {})
    unit.put('records', entry!.key, { ...entry!.value, conflicts: [conflict('settled'), conflict('open')] })
  })
  await transact(kernel, (unit) => beginSnapshot(unit, 'history_diverged'))
  const page = snapshotReplySchema.parse({
    items: [],
    next_cursor: null,
    sync_token: 't',
    open_conflicts: ['open'],
  })
  await transact(kernel, async (unit) =>
    applySnapshotPage(unit, await openStamps(unit, clock, 'device'), page, clock.nowMs()),
  )
  const [row] = await kernel.storage.scan('records', { prefix: '0000000000000002/' })
  expect(row?.value).toMatchObject({ conflicts: [{ conflictId: 'open' }] })
})
