import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { createAdmission } from './admission.ts'
import type { Asking, Turn } from './store.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  await database.db.$executeRaw`DELETE FROM snapshot_turn`
  await database.db.$executeRaw`UPDATE snapshot_pace SET hold_ms = 2000, finished = 0`
})

const start = Date.parse('2026-11-22T08:00:00Z')
const at = (ms: number) => new Date(start + ms)
const ask = (asks: readonly Asking[], ms: number) =>
  database.db.$queryRaw<Turn[]>`SELECT * FROM admit_snapshots(${JSON.stringify(asks)}::jsonb, ${at(ms)})`
const hold = (device: string, isLast: boolean, ms: number) =>
  database.db.$executeRaw`SELECT hold_snapshot(${device}::uuid, ${isLast}, ${at(ms)})`
const setSlots = (slots: number) => database.db.$executeRaw`
  INSERT INTO setting (key, value) VALUES ('snapshot_slots', to_jsonb(${slots}::int))
  ON CONFLICT (key) DO UPDATE SET value = excluded.value`
const admittedNow = () => database.db.snapshotTurn.count({ where: { admittedAt: { not: null } } })
const ask1 = async (device: string, ms: number) => (await ask([{ device, jitter: 0.5 }], ms))[0]!

/** A sequence that looks like chance and is the same each time. */
function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

type Asker = {
  id: string
  /** When it comes (back), and how long it takes for its full sync. */
  dueMs: number
  holdMs: number
  /** Never comes back: when it was told to wait, or once it was let in. */
  vanishes: 'never' | 'waiting' | 'admitted'
  asks: number
  admittedAs: number | null
}

/** Lets askers come, wait, sync and vanish until nobody is left, in steps of 200 ms of virtual time. */
async function run(askers: Asker[], slots: number): Promise<number> {
  const random = chance(7)
  let [arrived, worst, ms, admissions] = [askers, 0, 0, 0]
  const syncing: { asker: Asker; endsMs: number }[] = []
  for (; arrived.length > 0 || syncing.length > 0; ms += 200) {
    for (const done of syncing.filter(({ endsMs }) => endsMs <= ms)) {
      syncing.splice(syncing.indexOf(done), 1)
      if (done.asker.vanishes !== 'admitted') await hold(done.asker.id, true, ms)
    }
    const due = arrived.filter(({ dueMs }) => dueMs <= ms)
    if (due.length === 0) continue
    const turns = new Map(
      (
        await ask(
          due.map(({ id }) => ({ device: id, jitter: random() })),
          ms,
        )
      ).map((turn) => [turn.device, turn]),
    )
    const gone = new Set<Asker>()
    for (const asker of due.toSorted((a, b) => a.dueMs - b.dueMs)) {
      const turn = turns.get(asker.id)!
      asker.asks++
      if (turn.admitted) {
        asker.admittedAs = admissions++
        gone.add(asker)
        syncing.push({ asker, endsMs: ms + asker.holdMs })
      } else if (asker.vanishes === 'waiting') gone.add(asker)
      else asker.dueMs = ms + turn.retry_after_ms
    }
    if (gone.size > 0) arrived = arrived.filter((asker) => !gone.has(asker))
    const admitted = await admittedNow()
    expect(admitted).toBeLessThanOrEqual(slots)
    worst = Math.max(worst, admitted)
  }
  return worst
}

function herd(count: number, vanishes: (index: number) => Asker['vanishes'] = () => 'never'): Asker[] {
  const random = chance(11)
  return Array.from({ length: count }, (_, index) => ({
    id: randomUUID(),
    // One after the other, all within a second and a half: their order is known.
    dueMs: Math.floor((index * 1_500) / count / 200) * 200,
    holdMs: 500 + Math.floor(random() * 3_000),
    vanishes: vanishes(index),
    asks: 0,
    admittedAs: null,
  }))
}

test('5,000 that come at once are let in so many at a time, all of them, near the order in which they came', async () => {
  const slots = 250
  await setSlots(slots)
  const askers = herd(5_000)
  const worst = await run(askers, slots)
  expect(worst).toBe(slots)
  expect(askers.every(({ admittedAs }) => admittedAs !== null)).toBe(true)
  // Those who came in one step of 200 ms are equal; those of the steps before and after them are not.
  const perStep = 5_000 / 7.5
  const displaced = askers.map(({ admittedAs }, index) => Math.abs(admittedAs! - index))
  expect(Math.max(...displaced)).toBeLessThan(3 * perStep)
  // Most of them slept until their turn was near, instead of asking all the time.
  expect(askers.reduce((sum, { asks }) => sum + asks, 0) / askers.length).toBeLessThan(12)
  expect(await database.db.snapshotTurn.count()).toBe(0)
}, 120_000)

test('a tenth of them vanish, waiting or admitted: slots come free again and nobody else is lost', async () => {
  const slots = 40
  await setSlots(slots)
  const askers = herd(600, (index) =>
    index % 20 === 3 ? 'waiting' : index % 20 === 13 ? 'admitted' : 'never',
  )
  await run(askers, slots)
  expect(
    askers.filter(({ admittedAs }) => admittedAs === null).every(({ vanishes }) => vanishes === 'waiting'),
  ).toBe(true)
  const [pace] = await database.db.snapshotPace.findMany()
  const finished = askers.filter(({ admittedAs, vanishes }) => admittedAs !== null && vanishes !== 'admitted')
  expect(Number(pace?.finished)).toBe(finished.length)
  expect(finished.length).toBeGreaterThanOrEqual(540)
}, 60_000)

test('critical before the rest, bulk after it, and nobody is overtaken for ever', async () => {
  await setSlots(1)
  const [first, plain, critical, bulk, late] = Array.from({ length: 5 }, () => randomUUID())
  const health = (deviceId: string, pending: number, pendingCritical: number, pendingBulk: number) =>
    database.db.deviceHealth.create({ data: { deviceId, pending, pendingCritical, pendingBulk } })
  await health(critical!, 3, 1, 0)
  await health(bulk!, 4, 0, 4)
  await health(late!, 1, 1, 0)
  await ask1(first!, 0)
  const turns = [await ask1(bulk!, 10), await ask1(plain!, 20), await ask1(critical!, 30)]
  expect(turns.map(({ admitted, ahead }) => [admitted, ahead])).toEqual([
    [false, 0],
    [false, 0],
    [false, 0],
  ])
  const order: string[] = []
  const names = { [plain!]: 'plain', [critical!]: 'critical', [bulk!]: 'bulk', [late!]: 'late critical' }
  await hold(first!, true, 100)
  const dueMs = new Map([bulk!, plain!, critical!].map((id, i) => [id, 100 + turns[i]!.retry_after_ms]))
  for (let ms = 100; dueMs.size > 0; ms += 100) {
    for (const [id, due] of dueMs) {
      if (due > ms) continue
      const turn = await ask1(id, ms)
      if (!turn.admitted) {
        dueMs.set(id, ms + turn.retry_after_ms)
        continue
      }
      order.push(names[id]!)
      dueMs.delete(id)
      await hold(id, true, ms)
    }
  }
  expect(order).toEqual(['critical', 'plain', 'bulk'])
  // One with bulk that has waited for longer than the bonus goes before one with critical changes that comes now.
  await ask1(first!, 1_000)
  for (let ms = 2_000; ms < 11 * 60_000; ms += 60_000) {
    await hold(first!, false, ms)
    await ask1(bulk!, ms)
  }
  const end = 11 * 60_000
  await hold(first!, true, end)
  const both = await ask(
    [late!, bulk!].map((device) => ({ device, jitter: 0.5 })),
    end,
  )
  expect(both.map(({ device, admitted }) => [names[device], admitted])).toEqual([
    ['late critical', false],
    ['bulk', true],
  ])
})

test('a page of a full sync goes through and counts, also where its lease had run out', async () => {
  await setSlots(1)
  const [slow, next] = [randomUUID(), randomUUID()]
  expect((await ask1(slow, 0)).admitted).toBe(true)
  // To begin again is no second turn.
  expect((await ask1(slow, 1_000)).admitted).toBe(true)
  await hold(slow, false, 2_000)
  expect((await ask1(next, 100_000)).admitted).toBe(false)
  expect((await ask1(next, 130_000)).admitted).toBe(true)
  await hold(slow, false, 131_000)
  expect(await admittedNow()).toBe(2)
  expect((await ask1(randomUUID(), 131_000)).admitted).toBe(false)
})

test('those who are sent away come back at times of their own', async () => {
  await setSlots(1)
  await ask1(randomUUID(), 0)
  const random = chance(3)
  const turns = await ask(
    Array.from({ length: 500 }, () => ({ device: randomUUID(), jitter: random() })),
    0,
  )
  const told = turns.map(({ retry_after_ms }) => retry_after_ms)
  expect(new Set(told).size).toBeGreaterThan(400)
  expect(Math.min(...told)).toBeGreaterThanOrEqual(1_000)
  expect(Math.max(...told)).toBeLessThanOrEqual(75_000)
})

test('a herd takes few questions of one process, one at a time', async () => {
  await setSlots(8)
  let [questions, underWay, most] = [0, 0, 0]
  const admit = createAdmission(async (asks) => {
    questions++
    most = Math.max(most, ++underWay)
    try {
      return await database.db.$queryRaw<
        Turn[]
      >`SELECT * FROM admit_snapshots(${JSON.stringify(asks)}::jsonb)`
    } finally {
      underWay--
    }
  })
  const asked = await Promise.allSettled(Array.from({ length: 2_000 }, () => admit(randomUUID())))
  expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(8)
  const refused = asked.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
  expect(refused[0]).toMatchObject({ code: 'throttled', extras: { retry_after_ms: expect.any(Number) } })
  expect(most).toBe(1)
  expect(questions).toBeLessThanOrEqual(4)
})

test('two processes that ask at the same time let in no more than there are slots', async () => {
  await setSlots(5)
  const processes = Array.from({ length: 6 }, () =>
    createAdmission(
      (asks) => database.db.$queryRaw<Turn[]>`SELECT * FROM admit_snapshots(${JSON.stringify(asks)}::jsonb)`,
    ),
  )
  const asked = await Promise.allSettled(
    processes.flatMap((admit) => Array.from({ length: 20 }, () => admit(randomUUID()))),
  )
  expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(5)
})
