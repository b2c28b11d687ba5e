import { describe, expect, test } from 'vitest'
import type { Json, JsonObject } from '../json.ts'
import { defaultPolicy, type TablePolicy } from '../policy.ts'
import { isTextField, readTextEdits, textEdits } from './fields.ts'

const policy: TablePolicy = {
  ...defaultPolicy('notes', 'ot'),
  fields: { kept: { strategy: 'lww' } },
  schema: {
    $defs: { state: { type: 'string', enum: ['open', 'done'] } },
    properties: {
      state: { $ref: '#/$defs/state' },
      due: { type: 'string', format: 'date' },
      code: { type: 'string', pattern: '^[A-Z]+$' },
      fixed: { const: 'x' },
      n: { type: 'integer' },
      body: { type: ['string', 'null'] },
    },
  },
}

test.each([
  ['body', true],
  ['unnamed', true],
  ['in.unnamed', true],
  ['kept', false],
  ['kept.within', false],
  ['state', false],
  ['due', false],
  ['code', false],
  ['fixed', false],
  ['n', false],
])('%s of a table of ot is text: %s', (path, isText) => {
  expect(isTextField(policy, path)).toBe(isText)
})

describe('the edits a device says it made', () => {
  const base = { body: 'abc', n: 1 }
  const read = (body: Json, ops: Json[], before: JsonObject | null | undefined = base) =>
    readTextEdits(policy, { body: ops }, before, { body })

  test('are taken where they lead from the base to the data', () => {
    const ops = [{ retain: 1 }, { insert: 'x' }]
    expect(read('axbc', ops)).toEqual({ edits: { body: ops } })
  })

  test.each<[string, Json, Json[], string, RegExp]>([
    ['lead elsewhere', 'axbc', [{ insert: 'x' }], '/text_ops/body', /does not come to/],
    ['do not fit', 'abc', [{ retain: 4 }], '/text_ops/body', /does not fit/],
    ['are no steps', 'abc', [{ retain: 1 }, { keep: 1 }], '/text_ops/body/1', /must be/],
    ['are of no text', 7, [{ insert: 'x' }], '/text_ops/body', /no text/],
  ])('are refused where they %s', (_, body, ops, pointer, detail) => {
    expect(read(body, ops)).toMatchObject({ pointer, detail: expect.stringMatching(detail) })
  })

  test('say nothing where the base is not known, or the field is no text', () => {
    expect(readTextEdits(policy, { body: [{ insert: 'x' }] }, undefined, { body: 'abc' })).toEqual({
      edits: {},
    })
    expect(readTextEdits(policy, { kept: [{ retain: 9 }] }, base, { kept: 'abc' })).toEqual({ edits: {} })
  })
})

describe('the edits from one state to the next', () => {
  const states = { before: { body: 'aa', n: 1 }, after: { body: 'aaa', n: 2, kept: 'b' } }

  test('are as the device told them, where that is true', () => {
    const told = [{ insert: 'a' }]
    expect(textEdits(policy, states, { body: told })).toEqual({ body: told })
    expect(textEdits(policy, states, { body: [{ insert: 'b' }] })).toEqual({
      body: [{ retain: 2 }, { insert: 'a' }],
    })
  })

  test('are of texts alone, from nothing too', () => {
    const { after } = states
    expect(textEdits(policy, { before: null, after }, {})).toEqual({ body: [{ insert: 'aaa' }] })
  })
})
