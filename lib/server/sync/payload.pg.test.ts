import { afterAll, beforeAll, expect, test } from 'vitest'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { putPolicy, RawDevice } from '../testing/raw-device.ts'

let own: TestDatabase
beforeAll(async () => {
  own = await testDatabase()
  await putPolicy(own.db, { name: 'things' })
  await putPolicy(own.db, { name: 'others' })
})
afterAll(() => own.close())

test('an answer that the database makes is the one that was given, to the letter', async () => {
  const device = await RawDevice.enrol(own.db)
  const changes = [device.change(), device.change({ data: { name: 'é "quoted" \u2028' } }), device.change()]
  const first = await device.send(changes)
  const again = await device.send(changes)
  expect(first.accepted.map(({ outcome }) => outcome)).toEqual(['applied', 'applied', 'applied'])
  const accepted = (text: string) => /"accepted":\[.*?\],"conflicts"/.exec(text)?.[0]
  expect(accepted(again.text)).toBe(accepted(first.text))
})

test('what most rows have in common is said once, and what the others are is not lost', async () => {
  const device = await RawDevice.enrol(own.db, ['one', 'two'])
  const made = ['one', 'two'].flatMap((scope) =>
    ['things', 'others'].map((table) => device.change({ scope, table, data: { scope, table } })),
  )
  await device.sync(made)
  const edits = made.map((change) => {
    const { scope, table, record_id } = change
    return device.change({
      ...{ operation: 'UPDATE', scope: scope!, table, record_id, base_version: 1 },
      data: { scope: scope!, table, edited: true },
    })
  })
  const { accepted } = await device.sync(edits)
  expect(accepted.map(({ version }) => version)).toEqual([2, 2, 2, 2])
  for (const kept of ['record', 'feed_change', 'op_result']) {
    const rows = await own.db.$queryRawUnsafe<{ at: string }[]>(`
      SELECT scope || ' ' || "table" AS at FROM ${kept} WHERE scope IN ('one', 'two') GROUP BY 1 ORDER BY 1`)
    expect(rows.map(({ at }) => at)).toEqual(['one others', 'one things', 'two others', 'two things'])
  }
  const right = await own.db.$queryRaw<{ count: bigint }[]>`
    SELECT count(*) FROM record WHERE data->>'scope' = scope AND data->>'table' = "table" AND data->>'edited' = 'true'
      AND last_device_id = ${device.id}::uuid`
  expect(Number(right[0]?.count)).toBe(4)
})
