import { expect, test } from 'vitest'
import { applyEdit } from './apply-edit.ts'
import { noteScopes } from './confirm.ts'
import { readJournalDocument } from './journal.ts'
import { transact, type Kernel } from './kernel.ts'
import { handBackSeen, listReview } from './review.ts'
import { deviceByHand, news, send, take } from './testing/by-hand.ts'

// What a device keeps of records that others moved out of its reach, or whose scope it lost.

const here = { scope: 'north', table: 'notes', id: '0193f3a2-b4c0-7000-8000-00000000aaaa' }
const applied = (version: number) => ({ version, outcome: 'applied', data: null, checksum: 'x' })

/** A device with a record at version 1, and an edit of it under way. */
async function underWay() {
  const kernel = await deviceByHand(['north', 'south'])
  await news(kernel, here, { operation: 'UPSERT', version: 1, data: { name: 'A' } })
  const edit = { ...here, data: { name: 'B' }, priority: undefined }
  await transact(kernel, (unit) => applyEdit(kernel, unit, edit))
  return { kernel, batch: await send(kernel) }
}

/** The batch as the store has it now. */
const stored = (kernel: Kernel) =>
  transact(kernel, async (unit) => (await unit.scan('operations', {})).map(({ value }) => value))

test('an edit of a record that is out of reach waits until that is back, or came to another scope', async () => {
  const { kernel, batch } = await underWay()
  const errors = [{ pointer: '/record_id', detail: 'is elsewhere' }]
  const refusal = { code: 'scope_forbidden', retryable: false, errors }
  await take(kernel, batch, refusal)
  const sees = (what: { record?: boolean; arrival?: boolean }) =>
    transact(kernel, (unit) =>
      handBackSeen(kernel, unit, {
        hasRecord: () => what.record ?? false,
        hasArrival: () => what.arrival ?? false,
        hasScope: () => true,
        isGranted: () => true,
      }),
    )
  await sees({})
  expect(await transact(kernel, listReview)).toMatchObject([{ reason: 'left_scope', data: { name: 'B' } }])
  await sees({ arrival: true })
  expect(await transact(kernel, listReview)).toEqual([])
  await take(kernel, await send(kernel), refusal)
  await sees({})
  expect(await transact(kernel, listReview)).toHaveLength(1)
  await sees({ record: true })
  expect(await stored(kernel)).toMatchObject([{ scope: 'north', data: { name: 'B' } }])
})

test('what followed its record is asked about when the scope that it went to is lost', async () => {
  const { kernel, batch } = await underWay()
  const asked = () => transact(kernel, async (unit) => (await readJournalDocument(unit)).traceless)
  await transact(kernel, (unit) => noteScopes(unit, ['north', 'south']))
  await take(kernel, batch, { ...applied(3), scope: 'south' })
  expect(await asked()).toEqual([])
  await transact(kernel, (unit) => noteScopes(unit, ['north']))
  expect(await asked()).toHaveLength(1)
})

test('so is what is answered once its scope is lost', async () => {
  const { kernel, batch } = await underWay()
  await transact(kernel, (unit) => noteScopes(unit, ['south']))
  await take(kernel, batch, applied(2))
  expect(await transact(kernel, async (unit) => (await readJournalDocument(unit)).traceless)).toHaveLength(1)
})
