import { expect, test } from 'vitest'
import { applyEdit } from './apply-edit.ts'
import { transact, type Kernel } from './kernel.ts'
import { readInflight } from './queue.ts'
import { getRecord } from './records.ts'
import { snapshotReplySchema } from './replies.ts'
import { contentOf } from './review.ts'
import { clearGraves } from './rows.ts'
import { applySnapshotPage, beginSnapshot } from './snapshot.ts'
import { openStamps } from './stamps.ts'
import { clock, deviceByHand, news, send, take } from './testing/by-hand.ts'

// What a reply answers may be ahead of the page that comes with it: the page goes on where the token stood.

const key = { scope: 'default', table: 'notes', id: '0193f3a2-b4c0-7000-8000-00000000aaaa' }
const edit = (kernel: Kernel, data: { name: string } | null) =>
  transact(kernel, (unit) => applyEdit(kernel, unit, { ...key, data, priority: undefined }))

/** Sends what waits, and takes it as answered so. */
const answer = async (kernel: Kernel, given: object) => take(kernel, await send(kernel), given)

const tell = (
  kernel: Kernel,
  operation: 'UPSERT' | 'DELETE' | 'LEAVE',
  version: number,
  data: { name: string } | null,
) => news(kernel, key, { operation, version, data })

/** What was sent and is not answered for good. */
const inflight = (kernel: Kernel) => transact(kernel, (unit) => readInflight(unit))
const shown = (kernel: Kernel) => transact(kernel, (unit) => getRecord(unit, key))
const applied = (version: number) => ({ version, outcome: 'applied', data: null, checksum: 'x' })

test('older news of a record does not bring it back once its deletion was answered', async () => {
  const kernel = await deviceByHand()
  await tell(kernel, 'UPSERT', 1, { name: 'old' })
  await edit(kernel, null)
  await answer(kernel, applied(3))
  await tell(kernel, 'UPSERT', 2, { name: 'older than the deletion' })
  expect(await shown(kernel)).toBeUndefined()
  await transact(kernel, clearGraves)
  expect(await kernel.storage.scan('records', {})).toEqual([])
})

test('the news that a record left is old once an answer says that it is back', async () => {
  const kernel = await deviceByHand()
  await edit(kernel, { name: 'back' })
  await answer(kernel, applied(4))
  await tell(kernel, 'LEAVE', 3, null)
  expect(await shown(kernel)).toMatchObject({ data: { name: 'back' }, syncStatus: 'synced' })
  await tell(kernel, 'LEAVE', 5, null)
  expect(await shown(kernel)).toBeUndefined()
})

test('an operation that waits for one which this store never sent is a stray', async () => {
  const kernel = await deviceByHand()
  await edit(kernel, { name: 'alone' })
  const wait = { code: 'dependency_pending', detail: 'Operation 7 must be answered first.', retryable: true }
  expect((await answer(kernel, wait)).strays).toBe(1)
})

test('a step that waits for another step of its saga is none', async () => {
  const kernel = await deviceByHand()
  const saga = { id: '0193f3a2-b4c0-7000-8000-00000000bbbb', step: 2, steps: 2 }
  await transact(kernel, (unit) =>
    applyEdit(kernel, unit, { ...key, data: { name: 'second' }, priority: undefined, saga }),
  )
  const wait = { code: 'dependency_pending', detail: 'Step 1 must be answered first.', retryable: true }
  const [sent] = await send(kernel)
  const holes = []
  for (let i = 0; i < 12; i++) {
    const held = i === 0 ? sent! : (await inflight(kernel))[0]!
    expect((await take(kernel, [held], wait)).strays).toBe(0)
    holes.push((await inflight(kernel))[0]!.hole!)
  }
  // It never gives up, and asks ever more rarely: the other may be days away, or never come.
  expect(holes.at(-1)).toMatchObject({ attempts: 0, waits: 12 })
  const delays = holes.map(({ notBeforeMs }) => notBeforeMs - clock.nowMs())
  expect(Math.max(...delays.slice(6))).toBeGreaterThan(30_000)
})

test('a full sync tells which conflicts are still open: the others are over', async () => {
  const kernel = await deviceByHand()
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
  await tell(kernel, 'UPSERT', 2, { name: 'theirs' })
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
