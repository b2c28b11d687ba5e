import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { normalCrdt } from './crdt/types.ts'
import { anyHistory, devices, kinds } from './crdt/testing/histories.ts'
import { decide, type Base, type Current, type Decision } from './decide.ts'
import { isJsonObject, type Json, type JsonObject } from './json.ts'
import { defaultPolicy, type TablePolicy } from './policy.ts'
import type { VersionTrace } from './since.ts'
import { anythingGoes } from './testing/edits.ts'
import { stampAt } from './testing/records.ts'
import { textEdits } from './text/fields.ts'

/** A record on a server: what it is, and what each version made of the one before. */
type Line = { current: Current; versions: VersionTrace[]; decisions: Decision[] }

function lineOf(data: JsonObject): Line {
  const current = { version: 1, data, hlc: stampAt(1), deviceId: null }
  return { current, versions: [], decisions: [] }
}

/** An edit of version 1 arrives. */
function arrive(
  line: Line,
  policy: TablePolicy,
  edit: { data: JsonObject; device: number },
  start: JsonObject,
) {
  const base: Base = {
    data: start,
    standsOn: 1,
    since: { versions: line.versions, textEdits: line.versions.map((version) => version.textEdits!) },
  }
  const hlc = stampAt(2 + edit.device)
  const deviceId = devices[edit.device]!
  const decision = decide(
    { operation: 'UPDATE', data: edit.data, hlc, deviceId },
    base,
    line.current,
    policy,
    anythingGoes,
  )
  line.decisions.push(decision)
  if (decision.kind !== 'write' || decision.data === null) return
  const before = line.current.data
  const given = Object.fromEntries(
    Object.entries(decision.texts ?? {}).map(([path, { applied }]) => [path, applied]),
  )
  const edits = textEdits(policy, { before, after: decision.data }, given)
  const version = line.current.version + 1
  line.versions.push({ version, hlc, fieldStamps: {}, textEdits: edits })
  line.current = { version, data: decision.data, hlc, deviceId }
}

const orders = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
]

describe('crdt', () => {
  const normal = (value: Json | undefined): Json =>
    isJsonObject(value) && '$crdt' in value ? normalCrdt(value) : (value ?? null)

  /** For every type three states that three devices came to from one, which is in all of them. */
  const anyRecords = fc.record(
    Object.fromEntries(
      Object.entries(kinds).map(([type, kind]) => [
        type,
        anyHistory(kind).chain(([start]) =>
          fc
            .tuple(
              ...[0, 1, 2].map((device) =>
                fc
                  .array(kind.anyEdit, { maxLength: 3 })
                  .map((edits) => edits.reduce((state, edit) => edit(state, device), start)),
              ),
            )
            .map((ends) => ({ start, ends })),
        ),
      ]),
    ),
  )
  const policies: [string, TablePolicy][] = [
    ['the table', defaultPolicy('things', 'crdt')],
    [
      'each field of a table of fww',
      {
        ...defaultPolicy('things', 'fww'),
        fields: Object.fromEntries(
          Object.keys(kinds).map((type) => [type, { strategy: 'crdt', type: type as 'text' }]),
        ),
      },
    ],
  ]

  test.each(policies)(
    '%s: never a conflict, never a refusal, and any order of arrival comes to the same',
    (_, policy) => {
      fc.assert(
        fc.property(anyRecords, (records) => {
          const pick = (of: (record: { start: JsonObject; ends: JsonObject[] }) => JsonObject) =>
            Object.fromEntries(Object.entries(records).map(([type, record]) => [type, of(record)]))
          const start = pick((record) => record.start)
          const ends = orders.map((order) => {
            const line = lineOf(start)
            for (const device of order) {
              arrive(line, policy, { data: pick((record) => record.ends[device]!), device }, start)
            }
            expect(line.decisions.filter(({ kind }) => kind === 'conflict' || kind === 'reject')).toEqual([])
            return Object.fromEntries(
              Object.entries(line.current.data!).map(([type, state]) => [type, normal(state)]),
            )
          })
          for (const end of ends) expect(end).toEqual(ends[0])
        }),
        { numRuns: 25 },
      )
    },
  )
})

describe('ot', () => {
  const anyText = fc.stringMatching(/^[a-z ]{0,20}$/)
  /** Three devices, each with a letter of its own to put in, anywhere, and some of the text to take out. */
  const anyEdits = fc.tuple(
    ...['A', 'B', 'C'].map((letter, device) =>
      fc
        .record({
          inserts: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
          removeAt: fc.nat(),
          remove: fc.nat(4),
        })
        .map(({ inserts, removeAt, remove }) => ({
          device,
          inserts: inserts.length,
          edit: (text: string) => {
            const from = removeAt % (text.length + 1)
            const kept = text.slice(0, from) + text.slice(from + remove)
            return inserts.reduce((text, at) => {
              const place = at % (text.length + 1)
              return text.slice(0, place) + letter + text.slice(place)
            }, kept)
          },
        })),
    ),
  )

  test.each<[string, TablePolicy, (text: string) => JsonObject, (data: JsonObject) => Json | undefined]>([
    ['the table', defaultPolicy('things', 'ot'), (notes) => ({ notes, n: 1 }), (data) => data['notes']],
    [
      'a field at a dotted path, in a table of lww',
      { ...defaultPolicy('things', 'lww'), fields: { 'in.notes': { strategy: 'ot' } } },
      (notes) => ({ in: { notes }, n: 1 }),
      (data) => isJsonObject(data['in']) && data['in']['notes'],
    ],
  ])(
    '%s: whatever arrives first, everything that was put in is there, and nothing that was taken out',
    (_, policy, record, textOf) => {
      fc.assert(
        fc.property(anyText, anyEdits, (text, edits) => {
          for (const order of orders) {
            const start = record(text)
            const line = lineOf(start)
            for (const device of order)
              arrive(line, policy, { device, data: record(edits[device]!.edit(text)) }, start)
            expect(line.decisions.every(({ kind }) => kind === 'write')).toBe(true)
            const result = textOf(line.current.data!) as string
            for (const { inserts, device } of edits) {
              expect(result.split('ABC'[device]!).length - 1).toBe(inserts)
            }
            // What is left of the old text is what nobody took out: a subsequence of every device's.
            const old = result.replaceAll(/[A-Z]/g, '')
            for (const { edit } of edits) expect(isSubsequence(old, edit(text))).toBe(true)
          }
        }),
      )
    },
  )

  test('where the log does not tell the edits, those derived from the states lose nothing that was put in either', () => {
    const policy = defaultPolicy('things', 'ot')
    fc.assert(
      fc.property(anyText, anyEdits, (text, edits) => {
        const line = lineOf({ notes: text })
        for (const { edit, device } of edits) {
          arrive(line, policy, { device, data: { notes: edit(text) } }, { notes: text })
          line.versions = line.versions.map((version) => ({ ...version, textEdits: {} }))
        }
        const result = JSON.stringify(line.current.data)
        for (const { inserts, device } of edits) {
          expect(result.split('ABC'[device]!).length - 1).toBe(inserts)
        }
      }),
    )
  })
})

function isSubsequence(part: string, whole: string): boolean {
  let at = 0
  for (const letter of whole) if (letter === part[at]) at++
  return at === part.length
}
