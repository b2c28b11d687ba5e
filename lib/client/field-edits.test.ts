import { describe, expect, test } from 'vitest'
import { editText, emptyText, textOf, type TextState } from '#lib/core/crdt/text.ts'
import { crdtOverreach, mergeCrdt } from '#lib/core/crdt/types.ts'
import { parseHlc } from '#lib/core/hlc.ts'
import type { Json, JsonObject } from '#lib/core/json.ts'
import { applyTextOps, type TextOps } from '#lib/core/text/delta.ts'
import { createMemoryStore, crdtValue, type FieldEdit, type MemoryImage } from './index.ts'
import { createBench } from './testing/bench.ts'
import { pushes } from './testing/pushes.ts'
import { applyFieldEdits } from './field-edits.ts'
import { composeTextEdits } from './text-edits.ts'

const id = '00000000-0000-4000-8000-000000000001'
const ref = { table: 'sites', id }
type Bench = ReturnType<typeof createBench>

/** The changes that were sent, in order. */
function sent(bench: Bench) {
  return pushes(bench.server).flat()
}

async function withRecord(data: JsonObject) {
  const bench = createBench()
  const { device, store } = await bench.device()
  await device.put({ ...ref, data })
  await device.sync()
  return { bench, device, store }
}

describe('fields edited by what they are', () => {
  test('each type does what it says, where there was nothing as well', async () => {
    const { device } = await withRecord({ name: 'A' })
    await device.edit(ref, {
      count: { increment: -2 },
      visits: { increment: 3, type: 'g-counter' },
      tags: { add: 'red' },
      seen: { add: { by: 'me' }, type: 'g-set' },
      colour: { assign: 'blue' },
      'story.body': { text: [{ insert: 'Hello' }], type: 'text' },
      note: { text: [{ insert: 'Hi' }] },
    })
    await device.edit(ref, {
      count: { increment: 5 },
      tags: { add: 'green' },
      colour: { assign: 'black' },
      'story.body': { text: [{ retain: 5 }, { insert: '!' }] },
    })
    const { data } = await device.edit(ref, { tags: { remove: 'red' } })
    const value = (state: Json | undefined) => crdtValue(state as JsonObject)
    expect(value(data['count'])).toBe(3)
    expect(value(data['visits'])).toBe(3)
    expect(value(data['tags'])).toEqual(['green'])
    expect(value(data['seen'])).toEqual([{ by: 'me' }])
    expect(value(data['colour'])).toBe('black')
    expect(value((data['story'] as JsonObject)['body'])).toBe('Hello!')
    expect(data).toMatchObject({ name: 'A', note: 'Hi' })
  })

  test.each<[string, FieldEdit, string]>([
    ['name', { increment: 1 }, 'wrong_type'],
    ['name', { text: [{ retain: 9 }, { insert: 'x' }] }, 'invalid_step'],
    ['name', { text: [], type: 'text' }, 'wrong_type'],
    ['name.first', { assign: 1 }, 'wrong_type'],
    ['', { assign: 1 }, 'wrong_type'],
    ['count', { increment: 0.5 }, 'invalid_step'],
    ['count', { increment: -1, type: 'g-counter' }, 'invalid_step'],
    ['count', { increment: Number.MAX_SAFE_INTEGER + 1 }, 'invalid_step'],
    ['text', { text: [{ delete: 1 }], type: 'text' }, 'invalid_step'],
  ])('%s: %j is %s, and nothing is changed', async (field, edit, code) => {
    const { device } = await withRecord({ name: 'A' })
    await expect(device.edit(ref, { other: { increment: 1 }, [field]: edit })).rejects.toMatchObject({ code })
    expect(await device.get(ref)).toMatchObject({ data: { name: 'A' }, syncStatus: 'synced' })
  })

  test('an edit of a record that is not here is refused', async () => {
    const { device } = await withRecord({})
    const missing = { table: 'sites', id: '00000000-0000-4000-8000-000000000002' }
    await expect(device.edit(missing, { n: { increment: 1 } })).rejects.toMatchObject({
      code: 'no_such_record',
    })
  })
})

describe('the steps through a text', () => {
  test('go out as they were made, those of several edits as one', async () => {
    const { bench, device } = await withRecord({ note: 'aaa', other: 'x' })
    // The same letter before and after: from the two texts alone nobody could tell where it was put.
    await device.edit(ref, { note: { text: [{ retain: 1 }, { insert: 'a' }] } })
    await device.edit(ref, { note: { text: [{ retain: 3 }, { insert: 'b' }] } })
    await device.put({ ...ref, data: { note: 'aaaba', other: 'y' } })
    await device.edit(ref, { other: { text: [{ delete: 1 }] } })
    await device.sync()
    const { text_ops: ops = {} } = sent(bench).at(-1) ?? {}
    expect(ops).toEqual({ note: [{ retain: 1 }, { insert: 'a' }, { retain: 1 }, { insert: 'b' }] })
  })

  test('lead from the operation before, where that one stays apart', async () => {
    const { bench, device } = await withRecord({ note: 'one' })
    await device.saga([{ ...ref, data: { note: 'one two' } }])
    await device.edit(ref, { note: { text: [{ retain: 7 }, { insert: ' three' }] } })
    await device.sync()
    const [first, last] = sent(bench).slice(-2)
    expect(last?.base_op_id).toBe(first?.op_id)
    expect(last?.text_ops).toEqual({ note: [{ retain: 7 }, { insert: ' three' }] })
  })

  test('move with the operation onto what the refused one was made on', async () => {
    const { bench, device } = await withRecord({ note: 'one' })
    bench.server.refusals.set(id, [{ code: 'business_rule', retryable: false }])
    await device.saga([{ ...ref, data: { note: 'one!' } }])
    await device.edit(ref, { note: { text: [{ retain: 4 }, { insert: '?' }] } })
    await device.sync()
    // How the first came from "one" to "one!" was never told, so the server has to compare.
    expect(sent(bench).at(-1)).toMatchObject({ data: { note: 'one!?' } })
    expect(sent(bench).at(-1)?.text_ops).toBeUndefined()
  })

  test('of two edits lead from the first state to the last, or are not told', () => {
    const texts = ['', 'ab', 'a😀b', 'xaby', 'b']
    const pairs = texts.flatMap((between) => texts.map((after) => ({ between, after })))
    const cases = texts.flatMap((base) => pairs.map((pair) => ({ base, ...pair })))
    const ended = cases.map(({ base, between, after }) => {
      const insert: TextOps = after ? [{ insert: after }] : []
      const step = [...insert, ...(between ? [{ delete: between.length }] : [])]
      const later = { data: { t: after }, textOps: { t: step } }
      const ops = composeTextEdits({ data: { t: between }, textOps: null }, later, { t: base })?.['t']
      return ops ? applyTextOps(base, ops) : null
    })
    // Not where the first edit, of which no step is known, changed the text; nor where nothing was changed at all.
    const expected = cases.map(({ base, between, after }) =>
      base === between && (base !== '' || after !== '') ? after : null,
    )
    expect(ended).toEqual(expected)
  })
})

describe('a text of Yjs', () => {
  const write = (at: number, insert: string): FieldEdit => ({
    text: [...(at > 0 ? [{ retain: at }] : []), { insert }],
    type: 'text',
  })
  const bodyOf = (data: JsonObject | undefined) => data?.['body'] as TextState

  test('is written under one id, and under another after a restart', async () => {
    const { bench, device, store } = await withRecord({ n: 1 })
    await device.edit(ref, { body: write(0, 'Hello') })
    const one = await device.edit(ref, { body: write(5, ' World') })
    const single = editText(emptyText, 2 ** 32 - 1, [{ at: 0, insert: 'Hello World' }])
    expect(bodyOf(one.data).update.length).toBeLessThanOrEqual(single.update.length)
    // Two copies of this device go their own ways; a third knows both.
    const copies = [0, 1].map(() => createMemoryStore(store.image()))
    const written: TextState[] = []
    for (const [index, copy] of copies.entries()) {
      const { device: twin } = await bench.device({ store: copy, seed: 50 + index })
      written.push(bodyOf((await twin.edit(ref, { body: write(0, `${index}: `) })).data))
    }
    const [a, b] = written as [TextState, TextState]
    const both = textOf(mergeCrdt(a, b) as TextState)
    expect(both).toMatch(/^(0: 1: |1: 0: )Hello World$/)
  })

  test('begun anew after the first was refused tells no two tales', async () => {
    const { bench, device } = await withRecord({ n: 1 })
    bench.server.refusals.set(id, [{ code: 'business_rule', retryable: false }])
    const refused = bodyOf((await device.edit(ref, { body: write(0, 'first') })).data)
    await device.sync()
    expect((await device.get(ref))?.data).toEqual({ n: 1 })
    const second = bodyOf((await device.edit(ref, { body: write(0, 'other') })).data)
    expect(crdtOverreach({ before: undefined, after: second, known: refused, deviceId: null })).toBeNull()
  })
})

test('a register set by a clock that runs ahead is stamped anew once the clock is corrected', async () => {
  const bench = createBench()
  const { device } = await bench.device({ clockOffsetMs: 3_600_000 })
  await device.put({ ...ref, data: {} })
  await device.edit(ref, { colour: { assign: 'blue' } })
  await device.sync()
  const state = bench.server.state('sites', id)?.data?.['colour'] as JsonObject
  expect(state).toMatchObject({ $crdt: 'lww-register', value: 'blue' })
  expect(parseHlc(state['hlc'] as string)?.millis).toBeLessThan(bench.clock.nowMs() + 60_000)
  expect(await device.get(ref)).toMatchObject({ syncStatus: 'synced', data: { colour: state } })
})

describe('a change that was refused for its clock', () => {
  /** Refused and stamped anew; what was stamped anew is not sent yet, and by the server's clock the first is not ahead now. */
  async function refused() {
    const bench = createBench()
    const { device, store } = await bench.device({ seed: 1, clockOffsetMs: 360_000 })
    bench.server.write('sites', id, { note: '' })
    await device.sync()
    await device.edit(ref, { colour: { assign: 'blue' }, note: { text: [{ insert: 'ab' }] } })
    const asMade = store.image()
    const stop = device.subscribe((event) => {
      if (event.kind === 'transition' && event.to === 'RETRYING') device.stop()
    })
    bench.server.faults.push('none', 'lose_request')
    await device.sync()
    stop()
    bench.clock.ms += 120_000
    return { bench, device, asMade, effects: bench.server.effects }
  }

  test('and whose copy a network delivers late, is taken once', async () => {
    const { bench, device, effects } = await refused()
    const request = bench.server.requests.find(({ body }) => JSON.stringify(body).includes('"blue"'))!
    const late = { ...request, method: 'POST', body: JSON.stringify(request.body), timeoutMs: 1_000 } as const
    await bench.server.transport().send(late)
    expect(effects).toHaveLength(1)
    expect(await device.sync()).toMatchObject({ outcome: 'complete', accepted: 1, rejected: 0 })
    const [first, ...again] = sent(bench)
    expect(again.at(-1)).toMatchObject({ op_id: first?.op_id, seq: 1, first_checksum: first?.checksum })
    expect(again.at(-1)?.checksum).not.toBe(first?.checksum)
    expect(effects).toEqual([first?.op_id])
    // Another stamp of the same value was taken, and the device has it.
    expect(await device.get(ref)).toMatchObject({ syncStatus: 'synced', data: first?.data })
  })

  test('is taken once of two copies of a device, each of which stamped it anew', async () => {
    const { bench, device, asMade, effects } = await refused()
    await device.sync()
    const twin = await bench.device({ seed: 2, store: createMemoryStore(asMade), clockOffsetMs: 360_000 })
    await twin.device.sync()
    const stamped = new Set(sent(bench).map(({ checksum }) => checksum))
    expect(stamped.size).toBeGreaterThan(1)
    expect(effects).toHaveLength(1)
    expect((await twin.device.get(ref))?.data).toEqual((await device.get(ref))?.data)
  })
})

test('a register that was sent keeps its stamp in the next life: the server may have it', async () => {
  const bench = createBench()
  const { device, store } = await bench.device({ seed: 1, clockOffsetMs: 120_000 })
  await device.put({ ...ref, data: {} })
  await device.sync()
  await device.edit(ref, { colour: { assign: 'blue' } })
  const unanswered: { image?: MemoryImage } = {}
  device.subscribe((event) => {
    if (event.kind === 'transition' && event.to === 'RETRYING') unanswered.image ??= store.image()
  })
  bench.server.faults.push('lose_reply')
  await device.sync()
  await device.put({ table: 'sites', data: {} })
  await device.sync()
  const copy = await bench.device({ seed: 2, store: createMemoryStore(unanswered.image) })
  await copy.device.put({ table: 'sites', data: {} })
  expect(await copy.device.sync()).toMatchObject({ outcome: 'complete' })
  const edits = sent(bench).filter(({ record_id, operation }) => record_id === id && operation === 'UPDATE')
  expect(edits.map(({ seq }) => seq)).toEqual([2, 2, 2, 1])
  expect(new Set(edits.map(({ checksum }) => checksum)).size).toBe(1)
  expect(bench.server.state('sites', id)?.version).toBe(2)
})

test('a register that was set by a clock ahead of this one is set after that', () => {
  const before = { $crdt: 'lww-register', value: 'blue', hlc: '01a20247f540-0004-b1e68be0f33d41c1' }
  const unused = () => {
    throw new Error('a register needs a stamp alone')
  }
  const editor = {
    stamp: () => '01a20240f540-0000-ffffffffffffffff',
    tag: unused,
    count: unused,
    write: unused,
  }
  const { data } = applyFieldEdits({ colour: before }, { colour: { assign: 'red' } }, editor)
  const after = data['colour'] as JsonObject
  expect(after).toMatchObject({ value: 'red', hlc: expect.stringMatching(/-ffffffffffffffff$/) })
  expect(crdtOverreach({ before, after, known: before, deviceId: null })).toBeNull()
})
