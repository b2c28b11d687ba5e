import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SyncReply } from '#lib/protocol/sync.ts'
import { everybody, origin, type Everybody } from '#lib/server/testing/everybody.ts'
import { putPolicy, RawDevice } from '#lib/server/testing/raw-device.ts'
import { GET as snapshotRoute } from '../snapshot/route.ts'
import { POST as syncRoute } from './route.ts'

let callers: Everybody
beforeAll(async () => {
  callers = await everybody()
  await putPolicy(callers.own.db, { name: 'things', strategy: 'merge' })
})
afterAll(() => callers.close())

const [slots, herdSize, writers, rounds] = [4, 150, 10, 8]
const scope = 'north'
const noParams = { params: Promise.resolve({}) }
const authorised = ({ token }: RawDevice) => ({ authorization: `Bearer ${token}` })

/** One page of a full sync, or the refusal. */
async function page(device: RawDevice, cursor: string | null) {
  const url = `${origin}/api/v1/snapshot?limit=20${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`
  const response = await snapshotRoute(new Request(url, { headers: authorised(device) }), noParams)
  return { status: response.status, body: (await response.json()) as { next_cursor?: string | null } }
}

async function push(device: RawDevice) {
  const response = await syncRoute(
    new Request(`${origin}/api/v1/sync`, {
      ...{ method: 'POST', body: JSON.stringify(device.envelope([device.change({ scope })])) },
      headers: { ...authorised(device), 'content-type': 'application/json' },
    }),
    noParams,
  )
  return { status: response.status, body: (await response.json()) as SyncReply }
}

test('while a herd stands in line and loads everything, every delta is answered and none is throttled', async () => {
  const { db } = callers.own
  await db.setting.upsert({
    ...{ where: { key: 'snapshot_slots' }, update: { value: slots } },
    create: { key: 'snapshot_slots', value: slots },
  })
  const enrol = (count: number) =>
    Promise.all(Array.from({ length: count }, () => RawDevice.enrol(db, [scope])))
  const [herd, fleet] = [await enrol(herdSize), await enrol(writers)]
  await fleet[0]!.sync(Array.from({ length: 60 }, () => fleet[0]!.change({ scope })))

  const admitted = () => db.snapshotTurn.count({ where: { admittedAt: { not: null } } })
  const waiting = () => db.snapshotTurn.count({ where: { admittedAt: null } })
  const seen = { refused: 0, pages: 0, finished: 0, most: 0, other: [] as number[] }
  let [isOver, left] = [false, herdSize]

  /** Comes back at once however long it was told to wait: the worst of herds. Who is let in reads page after page. */
  async function resync(device: RawDevice) {
    let cursor: string | null = null
    while (!isOver) {
      const { status, body } = await page(device, cursor)
      if (status === 429) {
        seen.refused++
        // Everybody else asks before this one asks again.
        await new Promise((resolve) => setTimeout(resolve, 20))
        continue
      }
      if (status !== 200) seen.other.push(status)
      seen.pages++
      cursor = body.next_cursor ?? null
      if (cursor === null) {
        seen.finished++
        break
      }
    }
    left--
  }

  const resyncing = herd.map(resync)
  while (seen.refused < herdSize) await new Promise((resolve) => setTimeout(resolve, 5))
  const deltas = await Promise.all(
    fleet.map(async (device) => {
      const answers: Awaited<ReturnType<typeof push>>[] = []
      for (let round = 0; round < rounds; round++) {
        seen.most = Math.max(seen.most, await admitted())
        answers.push(await push(device))
      }
      return answers
    }),
  )
  const [stillWaiting, stillLeft] = [await waiting(), left]
  isOver = true
  await Promise.all(resyncing)

  expect(deltas.flat().map(({ status }) => status)).toEqual(Array(writers * rounds).fill(200))
  expect(deltas.flat().filter(({ body }) => body.accepted.length !== 1 || body.rejected.length > 0)).toEqual(
    [],
  )
  expect(seen.other).toEqual([])
  expect(seen.most).toBeGreaterThan(0)
  expect(seen.most).toBeLessThanOrEqual(slots)
  // The line was there from the first delta to the last.
  expect(stillWaiting).toBeGreaterThan(0)
  expect(stillLeft).toBeGreaterThan(slots)
  expect(seen.pages).toBeGreaterThan(slots)
}, 60_000)
