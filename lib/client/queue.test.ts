import { expect, test } from 'vitest'
import { createMemoryStore } from './memory-store.ts'
import {
  assignSeqs,
  dequeue,
  enqueue,
  inheritPriority,
  pendingCount,
  readInflight,
  readLanes,
  readQueue,
  restartQueue,
  revise,
} from './queue.ts'
import type { Priority } from '#lib/protocol/sync.ts'
import { Unit } from './unit.ts'

const store = () => createMemoryStore()

function edit(opId: string, priority: Priority) {
  return {
    opId,
    priority,
    scope: 'default',
    table: 't',
    id: 'record',
    operation: 'UPDATE',
    baseVersion: 1,
    baseChecksum: null,
    baseOpId: null,
    data: {},
    hlc: '',
    checksum: '',
    sizeBytes: 1,
    editedAtMs: 0,
    schemaVersion: 1,
    textOps: null,
    saga: null,
  } as const
}

async function lanes(storage: ReturnType<typeof store>): Promise<string[][]> {
  return (await readLanes(new Unit(storage), 10)).map((lane) => lane.map((each) => each.opId))
}

test('lanes hold operations by urgency, each in order of making', async () => {
  const storage = store()
  const unit = new Unit(storage)
  for (const [opId, priority] of [
    ['a', 'bulk'],
    ['b', 'normal'],
    ['c', 'bulk'],
    ['d', 'critical'],
  ] as const) {
    await enqueue(unit, edit(opId, priority))
  }
  await unit.commit()
  expect(await lanes(storage)).toEqual([['d'], ['b'], ['a', 'c']])
  expect(await readQueue(new Unit(storage))).toMatchObject({ pending: { critical: 1, normal: 1, bulk: 2 } })
})

test('an operation becomes as urgent as what follows it, unless it is under way', async () => {
  const storage = store()
  const unit = new Unit(storage)
  const under = await enqueue(unit, edit('under way', 'bulk'))
  const [sent] = await assignSeqs(unit, [under])
  if (!sent) throw new Error('nothing was sent')
  const rest = [await enqueue(unit, edit('a', 'bulk')), await enqueue(unit, edit('b', 'critical'))]
  rest.push(await enqueue(unit, edit('c', 'normal')))
  await inheritPriority(unit, [sent, ...rest])
  await unit.commit()
  expect(await lanes(storage)).toEqual([['a', 'b'], ['c'], []])
  expect(await readInflight(new Unit(storage))).toMatchObject([{ opId: 'under way', priority: 'bulk' }])
  expect(pendingCount(await readQueue(new Unit(storage)))).toBe(4)
})

test('restarting gives everything in flight back its place, without seq and with its id', async () => {
  const storage = store()
  const unit = new Unit(storage)
  const first = await enqueue(unit, edit('a', 'normal'))
  await enqueue(unit, edit('b', 'normal'))
  await assignSeqs(unit, [first])
  await unit.commit()
  expect(await lanes(storage)).toEqual([[], ['b'], []])
  const again = new Unit(storage)
  await restartQueue(again)
  await again.commit()
  expect(await lanes(storage)).toEqual([[], ['a', 'b'], []])
  expect(await readInflight(new Unit(storage))).toEqual([])
  expect(await readQueue(new Unit(storage))).toMatchObject({ nextSeq: 1 })
})

test('what leaves the queue leaves no trace and is no longer counted', async () => {
  const storage = store()
  const unit = new Unit(storage)
  const first = await enqueue(unit, edit('a', 'normal'))
  const second = await enqueue(unit, edit('b', 'normal'))
  const [sent] = await assignSeqs(unit, [first])
  await dequeue(unit, sent ?? first)
  await dequeue(unit, await revise(unit, second, { ...second, priority: 'bulk' }))
  await unit.commit()
  for (const collection of ['operations', 'outbox', 'inflight'] as const) {
    expect(await storage.scan(collection, {})).toEqual([])
  }
  expect(pendingCount(await readQueue(new Unit(storage)))).toBe(0)
})
