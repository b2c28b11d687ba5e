import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { everybody, type Everybody } from '#lib/server/testing/everybody.ts'
import { putPolicy } from '#lib/server/testing/raw-device.ts'
import { enrolledDevice } from '../../../app/api/v1/sync/testing/device.ts'
import { readMerges, SAMPLE_FILE, type Merge } from '../merges.ts'
import { replayMerge } from './replay-merge.ts'

let callers: Everybody

beforeAll(async () => {
  callers = await everybody()
})
afterAll(() => callers.close())

async function replay(merge: Merge) {
  for (const table of new Set(merge.records.map((record) => record.table))) {
    await putPolicy(callers.own.db, { name: table, strategy: 'merge' })
  }
  const scopes = [randomUUID()]
  const pair = {
    ours: await enrolledDevice(callers, { scopes, name: 'ours' }),
    theirs: await enrolledDevice(callers, { scopes, name: 'theirs' }),
  }
  return replayMerge(pair, merge, scopes[0] ?? '')
}

test('of real merges no edit that nobody contradicted is lost', async () => {
  const merges = (await readMerges(SAMPLE_FILE)).toSorted((a, b) => b.records.length - a.records.length)
  const isBoth = (merge: Merge) => merge.records.some((record) => record.changed === 'both')
  const chosen = [
    ...merges.filter((merge) => !isBoth(merge)).slice(0, 3),
    ...merges.filter(isBoth).slice(0, 6),
  ]
  const results = (await Promise.all(chosen.map(replay))).flat()
  expect(results.filter((result) => result.isLost)).toEqual([])
  expect(results.filter((result) => result.changed === 'both' && result.outcome === null)).toEqual([])
  expect(results.filter((result) => result.isAsSettled).length / results.length).toBeGreaterThan(0.95)
})

test('a clash is in conflict, a one-sided edit beside it goes through', async () => {
  const record = { table: 'brands/test', base: { name: 'A' }, merged: { name: 'C' } }
  const results = await replay({
    merge: randomUUID(),
    time: 0,
    records: [
      { ...record, id: 'clash', ours: { name: 'B' }, theirs: { name: 'C' }, changed: 'both' },
      { ...record, id: 'theirs', ours: { name: 'A' }, theirs: { name: 'C' }, changed: 'theirs' },
      { ...record, id: 'gone', ours: null, theirs: { name: 'A' }, merged: null, changed: 'ours' },
    ],
  })
  expect(results).toMatchObject([
    { outcome: 'conflict', isAsSettled: false, isLost: false },
    { outcome: null, isAsSettled: true, isLost: false },
    { outcome: null, isAsSettled: true, isLost: false },
  ])
})
