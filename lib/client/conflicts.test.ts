import type { JsonObject } from '#lib/core/json.ts'
import { describe, expect, test } from 'vitest'
import { createBench } from './testing/bench.ts'
import { pushes } from './testing/pushes.ts'

const T = 'inspections'
const ID = '00000000-0000-4000-8000-00000000000a'
const ref = { table: T, id: ID }

/** A device whose edit of a record met somebody else's. */
async function inConflict(strategy: 'manual' | 'fww') {
  const bench = createBench()
  bench.server.strategies = { [T]: strategy }
  bench.server.write(T, ID, { phone: '1' })
  const { device, store } = await bench.device()
  await device.sync()
  bench.server.write(T, ID, { phone: '2' })
  await device.put({ ...ref, data: { phone: '3' } })
  const report = await device.sync()
  return { bench, device, store, report }
}

describe('manual', () => {
  test('marks the record, keeps the own version in view and the server’s beside it', async () => {
    const { device, report } = await inConflict('manual')
    expect(report).toMatchObject({ outcome: 'complete', conflicts: 1 })
    expect(await device.get(ref)).toMatchObject({
      data: { phone: '3' },
      syncStatus: 'conflict',
      serverData: { phone: '2' },
      serverVersion: 2,
      conflict: { code: 'manual', fields: ['phone'], mine: { phone: '3' } },
    })
    expect(await device.conflicts()).toMatchObject([{ table: T, id: ID, code: 'manual' }])
    expect(await device.overview()).toMatchObject({ pending: 0, state: 'IDLE' })
  })

  test('passes through RESOLVING', async () => {
    const { bench, device } = await inConflict('manual')
    await device.sync()
    const statuses = bench.server.requests.map(({ body }) => body['status'] as JsonObject | undefined)
    expect(statuses.flatMap((status) => status?.['transitions'] ?? [])).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ from: 'PUSHING', to: 'RESOLVING' }),
        expect.objectContaining({ from: 'RESOLVING', to: 'COMPLETE' }),
      ]),
    )
  })

  test('the settlement arrives as a change and clears the mark', async () => {
    const { bench, device } = await inConflict('manual')
    const [conflictId = ''] = bench.server.conflicts.keys()
    bench.server.resolve(conflictId, { phone: 'settled' })
    await device.sync()
    expect(await device.get(ref)).toMatchObject({
      data: { phone: 'settled' },
      syncStatus: 'synced',
      serverVersion: 3,
    })
    expect(await device.conflicts()).toEqual([])
  })

  test('other news about the record does not', async () => {
    const { bench, device } = await inConflict('manual')
    bench.server.write(T, ID, { phone: '4' })
    await device.sync()
    expect(await device.get(ref)).toMatchObject({
      data: { phone: '3' },
      serverData: { phone: '4' },
      syncStatus: 'conflict',
    })
  })

  test('giving up shows the server’s state', async () => {
    const { device } = await inConflict('manual')
    await device.abandon(ref)
    expect(await device.get(ref)).toMatchObject({
      data: { phone: '2' },
      syncStatus: 'synced',
      conflict: null,
    })
    await expect(device.abandon(ref)).rejects.toMatchObject({ code: 'no_such_conflict' })
  })

  test('a settlement that deletes the record deletes it here', async () => {
    const { bench, device } = await inConflict('manual')
    const [conflictId = ''] = bench.server.conflicts.keys()
    bench.server.resolve(conflictId, null)
    await device.sync()
    expect(await device.get(ref)).toBeUndefined()
  })
})

describe('stale version', () => {
  test('waits for the app, which rebases on the server’s version', async () => {
    const { bench, device } = await inConflict('fww')
    expect(await device.get(ref)).toMatchObject({
      syncStatus: 'conflict',
      conflict: { code: 'stale_version' },
    })
    await device.rebase(ref, { phone: '2 and 3' })
    expect(await device.get(ref)).toMatchObject({ syncStatus: 'pending', data: { phone: '2 and 3' } })
    expect(await device.sync()).toMatchObject({ accepted: 1, conflicts: 0 })
    expect(bench.server.state(T, ID)).toMatchObject({ version: 3, data: { phone: '2 and 3' } })
    expect(await device.conflicts()).toEqual([])
  })

  test('that is stale again leaves one mark, the newest', async () => {
    const { bench, device } = await inConflict('fww')
    await device.rebase(ref, { phone: '5' })
    bench.server.write(T, ID, { phone: '6' })
    await device.sync()
    expect(await device.conflicts()).toMatchObject([{ mine: { phone: '5' }, serverData: { phone: '6' } }])
  })

  test('cannot be rebased where there is none', async () => {
    const { device } = await inConflict('manual')
    await expect(device.rebase(ref, { phone: '5' })).rejects.toMatchObject({ code: 'no_such_conflict' })
  })
})

describe('last write wins', () => {
  test('the loser adopts the winner', async () => {
    const bench = createBench()
    const early = (await bench.device({ clockOffsetMs: -600_000 })).device
    const late = (await bench.device()).device
    bench.server.write(T, ID, { phone: '1' })
    await early.sync()
    await late.sync()
    await early.put({ ...ref, data: { phone: 'early' } })
    await late.put({ ...ref, data: { phone: 'late' } })
    await late.sync()
    await early.sync()
    expect(await early.get(ref)).toMatchObject({ data: { phone: 'late' }, syncStatus: 'synced' })
  })

  test('an edit made meanwhile stays in view over the winner', async () => {
    const bench = createBench()
    const { device } = await bench.device({ clockOffsetMs: -600_000 })
    bench.server.write(T, ID, { phone: '1' })
    await device.sync()
    const other = (await bench.device()).device
    await other.sync()
    await other.put({ ...ref, data: { phone: 'winner' } })
    await other.sync()
    await device.put({ ...ref, data: { phone: 'loser' } })
    bench.server.faults.push('lose_reply')
    device.subscribe((event) => {
      if (event.kind === 'transition' && event.to === 'RETRYING') device.stop()
    })
    await device.sync()
    await device.put({ ...ref, data: { phone: 'newer' } })
    bench.server.faults.push('forget_one', { status: 400, code: 'malformed' })
    await device.sync()
    expect(await device.get(ref)).toMatchObject({ data: { phone: 'newer' }, serverData: { phone: 'winner' } })
  })
})

test('an edit of a record in conflict is made on the own side of it, and never settles it unseen', async () => {
  const { bench, device } = await inConflict('manual')
  const [mark] = await device.conflicts()
  await device.put({ ...ref, data: { phone: '3', name: 'x' } })
  expect(await device.get(ref)).toMatchObject({ data: { phone: '3', name: 'x' }, syncStatus: 'conflict' })
  await device.sync()
  const changes = bench.server.requests.at(-1)?.body['changes']
  expect(changes).toMatchObject([
    { base_version: 1, base_op_id: mark?.opId, data: { phone: '3', name: 'x' } },
  ])
  expect(bench.server.state(T, ID)).toMatchObject({ version: 2, data: { phone: '2' } })
})

describe('an edit that the server took while the record was in conflict', () => {
  /** The next edit of this side came to what the server has, so that was no conflict of its own. */
  async function goneOn(strategy: 'manual' | 'fww') {
    const { bench, device } = await inConflict(strategy)
    const [mark] = await device.conflicts()
    await device.put({ ...ref, data: { phone: '2' } })
    expect(await device.sync()).toMatchObject({ accepted: 1, conflicts: 0 })
    return { bench, device, mark }
  }

  test('is what the next one is made on: its own part would come a second time else', async () => {
    const { bench, device, mark } = await goneOn('manual')
    expect(await device.conflicts()).toMatchObject([{ opId: mark?.opId, mine: { phone: '2' } }])
    await device.put({ ...ref, data: { phone: '2', name: 'x' } })
    await device.put({ ...ref, data: { phone: '2', name: 'y' } })
    await device.sync()
    const [first, second, third] = pushes(bench.server).flat()
    expect(first?.op_id).toBe(mark?.opId)
    expect(second?.base_op_id).toBe(first?.op_id)
    expect(third).toMatchObject({ base_op_id: second?.op_id, data: { phone: '2', name: 'y' } })
  })

  test('is not set aside with what was refused, when the record leaves', async () => {
    const { bench, device, mark } = await goneOn('fww')
    bench.server.leave(T, ID)
    await device.sync()
    expect(await device.review()).toMatchObject([
      {
        opId: mark?.opId,
        data: { phone: '3' },
        edit: { data: { phone: '3' }, baseOpId: null, baseVersion: 1 },
      },
    ])
  })

  test('is what steps through a text that follow other edits lead from', async () => {
    const { bench, device } = await goneOn('manual')
    await device.put({ ...ref, data: { phone: '2', name: 'x' } })
    await device.edit(ref, { note: { text: [{ insert: 'a' }] } })
    await device.sync()
    expect(pushes(bench.server).flat().at(-1)).toMatchObject({
      data: { phone: '2', name: 'x', note: 'a' },
      text_ops: { note: [{ insert: 'a' }] },
    })
  })
})
