import { describe, expect, test } from 'vitest'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import { listConflicts } from './aftermath.ts'
import { applyEdit } from './apply-edit.ts'
import { nextQuestion, type Question } from './confirm.ts'
import { closeGap, sendLostAgain, startNewLife } from './fork.ts'
import { transact, type Kernel } from './kernel.ts'
import { moveRecord } from './move.ts'
import { getRecord } from './records.ts'
import { readInflight } from './queue.ts'
import { syncReplySchema } from './replies.ts'
import { listReview } from './review.ts'
import { takeReply } from './take-reply.ts'
import { deviceByHand, news, send, take } from './testing/by-hand.ts'
import { sha256Hex } from './testing/model-answers.ts'

// An answer that is given again tells of the time when it was first given; the rows may be of a later one.

const key = { scope: 'north', table: 'notes', id: '0193f3a2-b4c0-7000-8000-00000000aaaa' }
const there = { ...key, scope: 'south' }
const edit = (kernel: Kernel, data: { name: string } | null, at = key) =>
  transact(kernel, (unit) => applyEdit(kernel, unit, { ...at, data, priority: undefined }))
const shown = (kernel: Kernel, at = key) => transact(kernel, (unit) => getRecord(unit, at))
const applied = (version: number) => ({ version, outcome: 'applied', data: null, checksum: 'x' })
const conflict = (conflictId: string) => ({
  ...{ conflict_id: conflictId, code: 'manual', fields: ['name'] },
  ...{ server_version: 2, server_data: { name: 'theirs' }, base_data: { name: 'old' } },
})
const opIdOf = (batch: Awaited<ReturnType<typeof send>>) => batch[0]!.opId

describe('an answer whose state the token covers', () => {
  test('does not bring back a record that went since', async () => {
    const kernel = await deviceByHand(['north', 'south'])
    await edit(kernel, { name: 'made' })
    const batch = await send(kernel)
    await take(kernel, batch, applied(1), { covered: [opIdOf(batch)] })
    expect(await shown(kernel)).toBeUndefined()
    expect(await kernel.storage.scan('records', {})).toEqual([])
  })

  test('is taken at its word where the feed has yet to come there', async () => {
    const kernel = await deviceByHand(['north', 'south'])
    await edit(kernel, { name: 'made' })
    await take(kernel, await send(kernel), applied(1), { covered: [] })
    expect(await shown(kernel)).toMatchObject({ data: { name: 'made' }, serverVersion: 1 })
  })

  test('of a move leaves what came to stand in the old place since', async () => {
    const kernel = await deviceByHand(['north', 'south'])
    await news(kernel, key, { operation: 'UPSERT', version: 1, data: { name: 'here' } })
    await transact(kernel, (unit) => moveRecord(kernel, unit, key, 'south'))
    const batch = await send(kernel)
    await news(kernel, key, { operation: 'UPSERT', version: 3, data: { name: 'came back' } })
    await take(kernel, batch, applied(2), { covered: [opIdOf(batch)] })
    expect(await shown(kernel)).toMatchObject({ data: { name: 'came back' }, serverVersion: 3 })
    expect(await shown(kernel, there)).toBeUndefined()
  })

  test('and says that it clashed shows both sides as long as nobody settled it', async () => {
    const kernel = await deviceByHand(['north', 'south'])
    await news(kernel, key, { operation: 'UPSERT', version: 1, data: { name: 'old' } })
    await edit(kernel, { name: 'mine' })
    const batch = await send(kernel)
    await news(kernel, key, { operation: 'UPSERT', version: 3, data: { name: 'newer' } })
    await take(kernel, batch, conflict('c'), { covered: [opIdOf(batch)] })
    expect(await shown(kernel)).toMatchObject({ data: { name: 'mine' }, serverVersion: 3 })
    expect(await transact(kernel, listConflicts)).toHaveLength(1)
  })
})

test('an operation that was stamped anew, and was taken as it was stamped before, leaves what was taken', async () => {
  const kernel = await deviceByHand(['north', 'south'])
  await edit(kernel, { name: 'stamped anew' })
  const batch = await send(kernel)
  const restated = [{ op_id: opIdOf(batch), data: { name: 'as it was' } }]
  await take(kernel, batch, applied(1), { restated })
  expect(await shown(kernel)).toMatchObject({ data: { name: 'as it was' }, serverVersion: 1 })
})

test('a conflict that was settled before its answer came again is not opened', async () => {
  const kernel = await deviceByHand(['north', 'south'])
  await news(kernel, key, { operation: 'UPSERT', version: 1, data: { name: 'old' } })
  await edit(kernel, { name: 'mine' })
  const batch = await send(kernel)
  await news(kernel, key, { operation: 'UPSERT', version: 3, data: { name: 'chosen' } })
  await take(kernel, batch, conflict('c'), { covered: [opIdOf(batch)], settled: ['c'] })
  expect(await transact(kernel, listConflicts)).toEqual([])
  expect(await shown(kernel)).toMatchObject({ data: { name: 'chosen' }, syncStatus: 'synced' })
})

test('a conflict that is found anew by a restored server still shows what this side made of it since', async () => {
  const kernel = await deviceByHand(['north', 'south'])
  await news(kernel, key, { operation: 'UPSERT', version: 1, data: { name: 'old' } })
  await edit(kernel, { name: 'mine' })
  await take(kernel, await send(kernel), conflict('c'))
  await edit(kernel, { name: 'mine, and more' })
  const [since] = await send(kernel)
  const merged = { version: 3, outcome: 'merged', data: { name: 'theirs' }, checksum: 'x' }
  await take(kernel, [since!], merged)

  await transact(kernel, (unit) => closeGap(kernel, unit, 1))
  expect(await transact(kernel, (unit) => sendLostAgain(kernel, unit))).toBe(2)
  const again = await transact(kernel, readInflight)
  await take(kernel, again, conflict('of the restored server'))
  await take(kernel, again.slice(1), merged)
  expect(await transact(kernel, listConflicts)).toMatchObject([
    { conflictId: 'of the restored server', mine: { name: 'mine, and more' }, wanted: { name: 'mine' } },
  ])
  await edit(kernel, { name: 'mine, and even more' })
  expect(await send(kernel)).toMatchObject([{ baseOpId: since!.opId }])
})

test('a conflict is over where it was found, when its record is settled in another scope', async () => {
  const kernel = await deviceByHand(['north', 'south'])
  await news(kernel, key, { operation: 'UPSERT', version: 1, data: { name: 'old' } })
  await edit(kernel, { name: 'mine' })
  await take(kernel, await send(kernel), conflict('c'))
  const settlement = { operation: 'UPSERT', version: 4, data: { name: 'chosen' }, conflict_id: 'c' } as const
  await news(kernel, there, settlement)
  expect(await transact(kernel, listConflicts)).toEqual([])
})

test('an edit that followed its record, and was taken where it was made after all, shows there', async () => {
  const kernel = await deviceByHand(['north', 'south'])
  await news(kernel, key, { operation: 'UPSERT', version: 1, data: { name: 'old' } })
  await edit(kernel, { name: 'mine' })
  await news(kernel, there, { operation: 'UPSERT', version: 2, data: { name: 'old' } })
  await news(kernel, key, { operation: 'LEAVE', version: 2, data: null }, 'south')
  // Somebody deleted what was left in the old place: nothing there tells any more where the record went.
  await take(kernel, await send(kernel), applied(4))
  expect(await shown(kernel)).toMatchObject({ data: { name: 'mine' }, serverVersion: 4 })
  expect(await shown(kernel, there)).toMatchObject({ data: { name: 'old' }, serverVersion: 2 })
})

test('what was sent in an earlier life goes again, though its record left: set aside, it would come back as another', async () => {
  const kernel = await deviceByHand(['north'])
  await news(kernel, key, { operation: 'UPSERT', version: 1, data: { name: 'old' } })
  await edit(kernel, { name: 'mine' })
  const [sent] = await send(kernel)
  await transact(kernel, (unit) => startNewLife(kernel, unit))
  await news(kernel, key, { operation: 'LEAVE', version: 2, data: null })
  expect(await transact(kernel, listReview)).toEqual([])
  expect(await send(kernel)).toMatchObject([{ opId: sent!.opId, seq: 1 }])
})

describe('records of a scope that is granted no more', () => {
  const reply = (besides: object) =>
    syncReplySchema.parse({
      ...{ sync_token: 't', epoch: 'e', server_time: '2026-11-22T08:00:00Z', has_more: false, resync: null },
      ...{ accepted: [], rejected: [], conflicts: [], server_changes: [], ...besides },
    })
  const nothingSent = { token: '', batch: [], deadLetters: [], question: null, body: {} }
  /** An answer was taken and the page with it was damaged: no token ever knew of the scope. */
  const strandedDevice = async () => {
    const kernel = await deviceByHand(['north', 'south'])
    await edit(kernel, { name: 'made' })
    await take(kernel, await send(kernel), applied(1))
    await edit(kernel, { name: 'in the south' }, there)
    await take(kernel, await send(kernel), applied(1))
    await edit(kernel, { name: 'not sent yet' })
    return kernel
  }

  test('leave, and what was not sent is set aside', async () => {
    const kernel = await strandedDevice()
    await takeReply(kernel, nothingSent, reply({ scopes: ['south'] }))
    expect(await shown(kernel)).toBeUndefined()
    expect(await shown(kernel, there)).toMatchObject({ data: { name: 'in the south' } })
    expect(await transact(kernel, listReview)).toMatchObject([{ data: { name: 'not sent yet' } }])
  })

  test.each([
    [[], []],
    [['c'], [{ conflictId: 'c', scope: 'south' }]],
  ])('take along what is still open of their conflicts (%j)', async (open, marked) => {
    const kernel = await deviceByHand(['north', 'south'])
    await news(kernel, key, { operation: 'UPSERT', version: 1, data: { name: 'old' } })
    await edit(kernel, { name: 'mine' })
    await take(kernel, await send(kernel), conflict('c'))
    // Settled or not, it moved after that: what was told last where it left, this device may not read any more.
    const { scope, table, id } = key
    const about = { table, record_id: id, version: 4, checksum: null }
    const left = { ...about, scope, operation: 'LEAVE', data: null }
    const data = { name: 'chosen' }
    const arrived = {
      ...about,
      scope: 'south',
      operation: 'UPSERT',
      data,
      checksum: recordChecksum(data, sha256Hex),
    }
    const page = reply({ scopes: ['south'], server_changes: [left, arrived], open_conflicts: open })
    await takeReply(kernel, nothingSent, page)
    expect(await transact(kernel, listConflicts)).toMatchObject(marked)
    expect(await shown(kernel, there)).toMatchObject({
      data: { name: open.length > 0 ? 'mine' : 'chosen' },
      serverVersion: 4,
    })
  })

  test('what was answered there is asked about until a later write shows it: no token tells of it any more', async () => {
    const kernel = await strandedDevice()
    const told = (scopes: string[], besides: object = {}) => reply({ scopes, repeated: 0, ...besides })
    const next = () => transact(kernel, (unit) => nextQuestion(unit, { isWorth: true, pushes: true }))
    const askedFor = (question: Question | null) =>
      question?.entries.map(({ operation }) => operation.scope) ?? []
    const both = await next()
    await takeReply(kernel, { ...nothingSent, question: both }, told(['north', 'south'], { unconfirmed: [] }))
    expect(askedFor(await next())).toEqual([])
    await takeReply(kernel, nothingSent, told(['south']))
    const question = await next()
    expect(askedFor(question)).toEqual(['north'])
    await takeReply(kernel, { ...nothingSent, question }, told(['south'], { unconfirmed: [] }))
    expect(askedFor(await next())).toEqual(['north'])
    await edit(kernel, { name: 'later' }, there)
    const batch = await send(kernel)
    const { opId, id } = batch.find(({ scope }) => scope === 'south')!
    const accepted = [
      { op_id: opId, record_id: id, outcome: 'applied', version: 2, data: null, checksum: 'x' },
    ]
    const shown = told(['south'], { unconfirmed: [], accepted })
    await takeReply(kernel, { ...nothingSent, batch, question }, shown)
    expect(askedFor(await next())).toEqual([])
  })

  test('stay while more is to come, and where a server does not say', async () => {
    const kernel = await strandedDevice()
    await takeReply(kernel, nothingSent, reply({ scopes: ['south'], has_more: true }))
    await takeReply(kernel, nothingSent, reply({}))
    expect(await shown(kernel)).toMatchObject({ data: { name: 'not sent yet' } })
  })
})
