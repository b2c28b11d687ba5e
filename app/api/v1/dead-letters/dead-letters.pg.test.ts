import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DeadLetterItem } from '#lib/protocol/console.ts'
import type { Page } from '#lib/server/list/page.ts'
import { Chance } from '#lib/sim/fleet/chance.ts'
import { deadLetterDesk, mend, schema, table, type DeadLetterDesk } from './testing/desk.ts'

let desk: DeadLetterDesk
beforeAll(async () => {
  desk = await deadLetterDesk()
})
afterAll(() => desk.close())

describe('GET', () => {
  test('has the change verbatim, the fault, the attempts and the record', async () => {
    const { id, device, change } = await desk.makeLetter()
    const { status, etag, body } = await desk.get(id)
    expect([status, etag]).toEqual([200, '"1"'])
    expect(body).toMatchObject({
      ...{ id, state: 'open', source: 'server', code: 'schema_mismatch', pointers: ['/data/n'], attempts: 1 },
      ...{ device_id: device.id, device_name: 'raw', table, op_id: change.op_id, current: null, schema },
      change: { op_id: change.op_id, data: { n: -1, note: 'x' } },
      attempt_log: [{ outcome: 'received', actor: 'raw', code: 'schema_mismatch', op_id: change.op_id }],
    })
    expect(JSON.parse(body.change_text)).toEqual(body.change)
    expect((await desk.get(randomUUID())).status).toBe(404)
  })

  test('lists by filter, in pages that neither skip nor repeat', async () => {
    const device = await desk.device()
    const made: string[] = []
    for (let i = 0; i < 5; i++) made.push((await desk.makeLetter({}, device)).id)
    await desk.discard(made[0]!, { reason: 'a test' })
    const seen: string[] = []
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Page<DeadLetterItem> = await desk.list(
        `device_id=${device.id}&limit=2${cursor && `&cursor=${cursor}`}`,
      )
      expect(page.total).toBe(5)
      seen.push(...page.items.map(({ id }) => id))
      cursor = page.next_cursor
    }
    expect(seen).toEqual(made.toReversed())
    expect(
      (await desk.list(`scope=${device.scopes[0]}&state=open&code=schema_mismatch&table=${table}`)).total,
    ).toBe(4)
    expect((await desk.list(`device_id=${device.id}&sort=created_at&limit=1`)).items[0]?.id).toBe(made[0])
  })

  test('groups one fault of many devices, and counts each state', async () => {
    const grouped = 'grouped'
    await desk.putPolicy({ name: grouped, schema })
    const made: string[] = []
    for (let i = 1; i <= 3; i++) made.push((await desk.makeLetter({ table: grouped, data: { n: -i } })).id)
    const other = await desk.makeLetter({ table: grouped, data: { n: 'many' } })
    await desk.discard(made[0]!, { reason: 'a test' })
    const { items, total } = await desk.groups(`table=${grouped}`)
    expect(total).toBe(2)
    expect(items).toMatchObject([
      { code: 'schema_mismatch', table: grouped, open: 1, total: 1, sample_id: other.id },
      {
        pattern: '/data/n must be >= #',
        open: 2,
        discarded: 1,
        replayed: 0,
        total: 3,
        devices: 3,
        sample_id: made[2],
      },
    ])
    expect((await desk.list(`fingerprint=${items[1]?.fingerprint}`)).total).toBe(3)
    await desk.discard(other.id, { reason: 'a test' })
    expect(await desk.groups(`table=${grouped}&state=open`)).toMatchObject({
      total: 1,
      items: [{ total: 3 }],
    })
    const first = await desk.groups(`table=${grouped}&limit=1`)
    const second = await desk.groups(`table=${grouped}&limit=1&cursor=${first.next_cursor}`)
    expect([...first.items, ...second.items].map(({ total }) => total)).toEqual([1, 3])
    expect(second.next_cursor).toBeNull()
  })
})

describe('discard and restore', () => {
  test('a discarded letter is kept with its reason, is not replayed, and can be restored', async () => {
    const { id, change } = await desk.makeLetter()
    expect((await desk.discard(id, {})).status).toBe(422)
    expect((await desk.discard(id, { reason: 'a test device' })).body).toMatchObject({
      ...{ state: 'discarded', reason: 'a test device', closed_by: 'key of operator' },
      change: { data: change.data },
    })
    expect((await desk.replay(id, { change: mend(change) })).status).toBe(409)
    expect((await desk.discard(id, { reason: 'again' })).status).toBe(409)
    const { body } = await desk.restore(id)
    expect(body).toMatchObject({ state: 'open', closed_by: null, closed_at: null })
    expect(body.attempt_log.map(({ outcome }) => outcome)).toEqual(['received', 'discarded', 'restored'])
    expect((await desk.replay(id, { change: mend(change) })).body.kind).toBe('accepted')
    expect((await desk.restore(id)).status).toBe(409)
    const { items } = await desk.audit(id)
    expect(items.map(({ action }) => action)).toEqual([
      'dead_letter.replay',
      'dead_letter.restore',
      'dead_letter.discard',
    ])
    expect((await desk.discard(id, { reason: 'x' }, { role: 'viewer' })).status).toBe(403)
  })
})

/** On a machine that is busy for long, some of so many at once find no connection free: they are told, and ask again. */
async function untilTaken(deed: () => ReturnType<DeadLetterDesk['replay']>) {
  let answer = await deed()
  while (answer.status === 503 && answer.body.code === 'unavailable') answer = await deed()
  return answer
}

test('DLQConserve: in = replayed + discarded + open, whatever is done at once', async () => {
  const seed = process.env['SEED'] ?? randomBytes(4).toString('hex')
  console.log(`dead-letters.pg.test: SEED=${seed}`)
  const chance = new Chance(seed)
  const device = await desk.device()
  const letters = []
  for (let i = 0; i < 8; i++) letters.push(await desk.makeLetter({}, device))
  const deeds = letters.flatMap(({ id, change }) => [
    () => desk.replay(id, { change: mend(change) }),
    () => desk.replay(id, { change: mend(change, { n: -2 }) }),
    () => desk.discard(id, { reason: 'chance' }),
    () => desk.restore(id, { reason: 'chance' }),
    () => desk.replay(id),
  ])
  const shuffled = deeds.map((deed) => ({ deed, at: chance.unit() })).toSorted((a, b) => a.at - b.at)
  const answers = await Promise.all(shuffled.map(({ deed }) => untilTaken(deed)))
  expect(answers.map(({ status }) => status).filter((status) => status !== 200 && status !== 409)).toEqual([])

  const counts = await Promise.all(
    ['open', 'replaying', 'replayed', 'discarded'].map(
      async (state) => (await desk.list(`device_id=${device.id}&state=${state}`)).total,
    ),
  )
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(letters.length)
  expect(counts[1]).toBe(0)
  for (const { id } of letters) {
    const { state, current, attempt_log } = (await desk.get(id)).body
    const succeeded = attempt_log.filter(({ outcome }) => outcome === 'replayed').length
    expect(succeeded).toBe(state === 'replayed' ? 1 : 0)
    expect(current?.version ?? 0).toBe(succeeded)
  }
})
