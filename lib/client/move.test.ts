import { expect, test } from 'vitest'
import { handBackSeen, listReview } from './review.ts'
import { applyEdit } from './apply-edit.ts'
import { transact, type Kernel } from './kernel.ts'
import { moveRecord } from './move.ts'
import { getRecord } from './records.ts'
import { assignSeqs, readLanes, revise } from './queue.ts'
import { rehome } from './rehome.ts'
import { buryOperation } from './refusals.ts'
import { clearGraves, readRow } from './rows.ts'
import type { RecordKey } from './stored.ts'
import { deviceByHand, news, send, take } from './testing/by-hand.ts'

// Versions are counted in each scope: what the server has in one says nothing of another.

const here = { scope: 'north', table: 'notes', id: '0193f3a2-b4c0-7000-8000-00000000aaaa' }
const there = { ...here, scope: 'south' }

/** A device with a record at version 1, and an edit of it under way. */
async function underWay() {
  const kernel = await deviceByHand(['north', 'south'])
  await news(kernel, here, { operation: 'UPSERT', version: 1, data: { name: 'A' } })
  const edit = { ...here, data: { name: 'B' }, priority: undefined }
  await transact(kernel, (unit) => applyEdit(kernel, unit, edit))
  return { kernel, batch: await send(kernel) }
}

/** What the device takes the server to have of the record, in each scope. */
const told = (kernel: Kernel) =>
  transact(kernel, async (unit) => ({
    north: (await readRow(unit, here))?.server?.version ?? null,
    south: (await readRow(unit, there))?.server?.version ?? null,
  }))

const applied = (version: number) => ({ version, outcome: 'applied', data: null, checksum: 'x' })

/** The batch as the store has it now. */
const stored = (kernel: Kernel) =>
  transact(kernel, async (unit) => (await unit.scan('operations', {})).map(({ value }) => value))

test('a record that is moved takes nothing along of what the server has of it where it was', async () => {
  const { kernel } = await underWay()
  await transact(kernel, (unit) => moveRecord(kernel, unit, here, 'south'))
  expect(await told(kernel)).toEqual({ north: 1, south: null })
})

test('an edit made before the record was moved is answered where it was made', async () => {
  const { kernel } = await underWay()
  await transact(kernel, (unit) => moveRecord(kernel, unit, here, 'south'))
  await take(kernel, await stored(kernel), applied(2))
  expect(await told(kernel)).toEqual({ north: 2, south: null })
})

test('an edit whose record somebody else moved is not taken as told of where it went', async () => {
  const { kernel } = await underWay()
  await news(kernel, here, { operation: 'LEAVE', version: 3, data: null }, 'south')
  expect(await told(kernel)).toEqual({ north: null, south: null })
  // It had been answered before the record moved, and the reply was lost: the server says so.
  const [operation] = await stored(kernel)
  await take(kernel, [operation!], applied(2), { covered: [operation!.opId] })
  expect(await told(kernel)).toEqual({ north: null, south: null })
})

test('an edit is answered while its record is being moved: the move alone is still to be sent', async () => {
  const { kernel, batch } = await underWay()
  await transact(kernel, (unit) => moveRecord(kernel, unit, here, 'south'))
  await take(kernel, batch, applied(2))
  expect(await told(kernel)).toEqual({ north: 2, south: null })
  const [move] = await stored(kernel)
  expect(await transact(kernel, (unit) => readRow(unit, there))).toMatchObject({ pending: [move!.ordinal] })
})

test('an edit in conflict from before the move is marked where it was made, and settled there', async () => {
  const { kernel } = await underWay()
  await transact(kernel, (unit) => moveRecord(kernel, unit, here, 'south'))
  await take(kernel, await stored(kernel), {
    ...{ conflict_id: 'c', code: 'manual', fields: ['name'], base_data: { name: 'A' } },
    ...{ server_version: 2, server_data: { name: 'theirs' } },
  })
  expect(await told(kernel)).toEqual({ north: 2, south: null })
  expect(await transact(kernel, (unit) => readRow(unit, here))).toMatchObject({
    conflicts: [{ conflictId: 'c' }],
  })
})

test.each([true, false])(
  'a move that comes second leaves the record there (told before: %s)',
  async (isToldFirst) => {
    const { kernel, batch } = await underWay()
    await take(kernel, batch, applied(2))
    await transact(kernel, (unit) => moveRecord(kernel, unit, here, 'south'))
    const move = await send(kernel)
    await news(kernel, there, { operation: 'UPSERT', version: 3, data: { name: 'C' } })
    if (isToldFirst) await news(kernel, here, { operation: 'LEAVE', version: 3, data: null }, 'south')
    await take(kernel, move, {
      ...{ conflict_id: 'c', code: 'manual', fields: ['name'], base_data: { name: 'B' } },
      ...{ server_version: 3, server_data: { name: 'C' }, scope: 'south' },
    })
    expect(await told(kernel)).toEqual({ north: 3, south: 3 })
    expect((await transact(kernel, (unit) => readRow(unit, here)))?.movedTo ?? null).toBeNull()
    expect(await transact(kernel, (unit) => readRow(unit, there))).toMatchObject({
      conflicts: [{ conflictId: 'c' }],
    })
  },
)

test('of a record that was moved while its creation was refused, nothing is left where it was', async () => {
  const kernel = await deviceByHand(['north', 'south'])
  await transact(kernel, (unit) =>
    applyEdit(kernel, unit, { ...here, data: { name: 'A' }, priority: undefined }),
  )
  const [creation] = await send(kernel)
  await transact(kernel, (unit) => moveRecord(kernel, unit, here, 'south'))
  await transact(kernel, async (unit) => {
    const [first] = (await unit.scan('operations', {})).map(({ value }) => value)
    expect(first?.opId).toBe(creation?.opId)
    const reason = { code: 'record_too_large', detail: '', deadLetterId: null, isReported: true, atMs: 0 }
    await buryOperation(unit, first!, reason)
  })
  expect(await stored(kernel)).toMatchObject([{ operation: 'CREATE', scope: 'south', fromScope: null }])
  expect(await transact(kernel, (unit) => readRow(unit, here))).toBeUndefined()
})

test('of a record that was moved while its creation was under way, nothing hides the place where it is forbidden', async () => {
  const kernel = await deviceByHand(['north', 'south'])
  await transact(kernel, (unit) =>
    applyEdit(kernel, unit, { ...here, data: { name: 'A' }, priority: undefined }),
  )
  await send(kernel)
  await transact(kernel, (unit) => moveRecord(kernel, unit, here, 'south'))
  await take(kernel, await stored(kernel), { code: 'scope_forbidden', retryable: false })
  expect((await transact(kernel, listReview)).map(({ edit }) => edit.operation)).toEqual(['CREATE', 'UPDATE'])
  expect(await kernel.storage.scan('records', {})).toEqual([])
})

test('a record that somebody moved is moved back with an edit from before: the edit goes, and then the move', async () => {
  const kernel = await deviceByHand(['north', 'south'])
  await news(kernel, here, { operation: 'UPSERT', version: 1, data: { name: 'A' } })
  const edit = { ...here, data: { name: 'B' }, priority: undefined }
  await transact(kernel, (unit) => applyEdit(kernel, unit, edit))
  await news(kernel, there, { operation: 'UPSERT', version: 2, data: { name: 'A' } })
  await news(kernel, here, { operation: 'LEAVE', version: 2, data: null }, 'south')
  await transact(kernel, (unit) => moveRecord(kernel, unit, there, 'north'))
  const [made, moved] = await stored(kernel)
  expect(made).toMatchObject({ scope: 'north', baseVersion: 1 })
  expect(made?.fromScope ?? null).toBeNull()
  expect(moved).toMatchObject({ scope: 'north', fromScope: 'south', baseOpId: made?.opId })
  await send(kernel)
  // The edit follows its record to where it is.
  await take(kernel, [made!], { ...applied(3), scope: 'south' })
  await take(kernel, [moved!], applied(4))
  expect(await transact(kernel, (unit) => getRecord(unit, here))).toMatchObject({
    ...{ data: { name: 'B' }, serverVersion: 4 },
  })
  expect(await transact(kernel, (unit) => getRecord(unit, there))).toBeUndefined()
})

test('a record that is moved to and fro before any of it is sent is shown once, and what it left is gone with the answer', async () => {
  const kernel = await deviceByHand(['north', 'south'])
  await news(kernel, here, { operation: 'UPSERT', version: 1, data: { name: 'A' } })
  const move = (at: RecordKey, to: string) => transact(kernel, (unit) => moveRecord(kernel, unit, at, to))
  await move(here, 'south')
  const [first] = await send(kernel)
  const edit = { ...there, data: { name: 'B' }, priority: undefined }
  await transact(kernel, (unit) => applyEdit(kernel, unit, edit))
  await move(there, 'north')
  await move(here, 'south')
  expect(await transact(kernel, (unit) => getRecord(unit, here))).toBeUndefined()
  expect(await transact(kernel, (unit) => getRecord(unit, there))).toMatchObject({ data: { name: 'B' } })
  await take(kernel, [first!], applied(2))
  expect(await told(kernel)).toEqual({ north: 2, south: 2 })
  expect(await transact(kernel, (unit) => getRecord(unit, here))).toBeUndefined()
})

test('a record that this device moved from where it has yet to hear of it does not come to stand there', async () => {
  const { kernel, batch } = await underWay()
  await take(kernel, batch, applied(2))
  await transact(kernel, (unit) => moveRecord(kernel, unit, here, 'south'))
  const [move] = await send(kernel)
  // The scope was revoked, and granted again: its feed comes from the start, without what this device writes.
  await news(kernel, here, { operation: 'LEAVE', version: 2, data: null })
  await take(kernel, [move!], applied(3))
  await news(kernel, here, { operation: 'UPSERT', version: 1, data: { name: 'A' } })
  await news(kernel, here, { operation: 'UPSERT', version: 2, data: { name: 'B' } })
  expect(await transact(kernel, (unit) => getRecord(unit, here))).toBeUndefined()
  await transact(kernel, clearGraves)
  expect(await transact(kernel, (unit) => readRow(unit, here))).toBeUndefined()
  expect(await transact(kernel, (unit) => getRecord(unit, there))).toMatchObject({ data: { name: 'B' } })
})

test('a record that is moved and deleted here, and was deleted before, leaves nothing where it was to go', async () => {
  const { kernel, batch } = await underWay()
  await take(kernel, batch, applied(2))
  await transact(kernel, (unit) => moveRecord(kernel, unit, here, 'south'))
  await transact(kernel, (unit) => applyEdit(kernel, unit, { ...there, data: null, priority: undefined }))
  const [deletion] = await send(kernel)
  await take(kernel, [deletion!], { ...applied(3), outcome: 'no_change' })
  // Another record of that id is made there: its versions are its own.
  await news(kernel, there, { operation: 'UPSERT', version: 1, data: { name: 'other' } })
  expect(await told(kernel)).toEqual({ north: 3, south: 1 })
})

test('a move that needs two grants is not sent again for a sight of one of them', async () => {
  const { kernel, batch } = await underWay()
  await take(kernel, batch, applied(2))
  await transact(kernel, (unit) => moveRecord(kernel, unit, here, 'south'))
  await take(kernel, await send(kernel), { code: 'scope_forbidden', retryable: false })
  const sees = (...granted: string[]) =>
    transact(kernel, (unit) =>
      handBackSeen(kernel, unit, {
        hasRecord: () => true,
        hasArrival: () => false,
        hasScope: (scope) => scope === 'south',
        isGranted: (scope) => granted.includes(scope),
      }),
    )
  await sees('south')
  expect(await transact(kernel, listReview)).toHaveLength(1)
  await sees('south', 'north')
  expect(await transact(kernel, listReview)).toEqual([])
})

test('a record whose move was set aside with the scope that it was to go to is shown where it is', async () => {
  const kernel = await deviceByHand(['north', 'south'])
  await news(kernel, here, { operation: 'UPSERT', version: 1, data: { name: 'A' } })
  await transact(kernel, (unit) => moveRecord(kernel, unit, here, 'south'))
  await news(kernel, there, { operation: 'LEAVE', version: 1, data: null })
  expect(await transact(kernel, listReview)).toMatchObject([{ edit: { scope: 'south', fromScope: 'north' } }])
  expect(await transact(kernel, (unit) => getRecord(unit, here))).toMatchObject({ data: { name: 'A' } })
})

test('a move that is refused its place by a conflict is marked where the record is, however often it moved here', async () => {
  const { kernel, batch } = await underWay()
  await take(kernel, batch, applied(2))
  await transact(kernel, (unit) => moveRecord(kernel, unit, here, 'south'))
  const move = await send(kernel)
  // An answer before it said that the record is in the north: what waits goes back there, and is told as it was sent.
  await transact(kernel, async (unit) => rehome(unit, (await readRow(unit, there))!, 'north'))
  await take(kernel, await stored(kernel), {
    ...{ conflict_id: 'c', code: 'manual', fields: ['name'], base_data: { name: 'B' } },
    ...{ server_version: 3, server_data: { name: 'C' } },
  })
  expect(move).toHaveLength(1)
  expect(await told(kernel)).toEqual({ north: 3, south: null })
  expect(await transact(kernel, (unit) => readRow(unit, here))).toMatchObject({
    conflicts: [{ conflictId: 'c' }],
    pending: [],
  })
})

test('a move that comes back leaves the newer one of the device as it is, for somebody to decide', async () => {
  const { kernel, batch } = await underWay()
  await take(kernel, batch, applied(2))
  await transact(kernel, (unit) => moveRecord(kernel, unit, here, 'south'))
  await take(kernel, await send(kernel), { code: 'scope_forbidden', retryable: false })
  // Somebody else makes that move, and the device takes the record back to where it was.
  await news(kernel, here, { operation: 'LEAVE', version: 3, data: null }, 'south')
  await news(kernel, there, { operation: 'UPSERT', version: 3, data: { name: 'B' } })
  await transact(kernel, (unit) => moveRecord(kernel, unit, there, 'north'))
  await transact(kernel, (unit) =>
    handBackSeen(kernel, unit, {
      hasRecord: () => true,
      hasArrival: () => false,
      hasScope: () => true,
      isGranted: () => true,
    }),
  )
  expect(await transact(kernel, listReview)).toMatchObject([{ edit: { scope: 'south', fromScope: 'north' } }])
  expect(await stored(kernel)).toMatchObject([{ scope: 'north', fromScope: 'south' }])
})

/** Two moves from the north that were set aside with the scope they were to go to, and handed back; the first is under way. */
async function twoMoves() {
  const kernel = await deviceByHand(['north', 'south'])
  await news(kernel, here, { operation: 'UPSERT', version: 1, data: { name: 'A' } })
  for (let times = 0; times < 2; times++) {
    await transact(kernel, (unit) => moveRecord(kernel, unit, here, 'south'))
    await news(kernel, there, { operation: 'LEAVE', version: 1, data: null })
  }
  await transact(kernel, (unit) =>
    handBackSeen(kernel, unit, {
      hasRecord: () => true,
      hasArrival: () => false,
      hasScope: () => true,
      isGranted: () => true,
    }),
  )
  const first = await transact(kernel, async (unit) => assignSeqs(unit, (await readLanes(unit, 1)).flat()))
  expect(first).toMatchObject([{ scope: 'south', fromScope: 'north' }])
  return { kernel, first }
}

test('what was to move a record that stays is an edit where it is, and its answer does not take the record away', async () => {
  const { kernel, first } = await twoMoves()
  await take(kernel, first, { ...applied(2), outcome: 'superseded', data: { name: 'theirs' } })
  expect(await stored(kernel)).toMatchObject([{ scope: 'north', fromScope: null }])
  await take(kernel, await send(kernel), { ...applied(3), outcome: 'merged', data: { name: 'both' } })
  expect(await told(kernel)).toEqual({ north: 3, south: null })
  expect(await transact(kernel, (unit) => getRecord(unit, here))).toMatchObject({ data: { name: 'both' } })
})

test('one that an earlier version sent as a move from where it is takes nothing away either', async () => {
  const { kernel, first } = await twoMoves()
  await take(kernel, first, { ...applied(2), outcome: 'superseded', data: { name: 'theirs' } })
  const [edit] = await send(kernel)
  await transact(kernel, (unit) => revise(unit, edit!, { ...edit!, fromScope: 'north' }))
  await take(kernel, await stored(kernel), { ...applied(3), outcome: 'merged', data: { name: 'both' } })
  expect(await transact(kernel, (unit) => getRecord(unit, here))).toMatchObject({ data: { name: 'both' } })
})
