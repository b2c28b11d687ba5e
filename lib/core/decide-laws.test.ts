import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decide, type Base, type Current, type DecisionContext, type Edit } from './decide.ts'
import { isJsonObject, jsonEqual, type JsonObject } from './json.ts'
import { parsePath, valueAt, type LostValue, type Path } from './merge.ts'
import { defaultPolicy, deleteRules, strategies, tiebreaks, type TablePolicy } from './policy.ts'
import { anythingGoes, decideSides, earlier, later, serversTime } from './testing/edits.ts'
import { anyRecord, leaves } from './testing/records.ts'

const anyFieldPolicy = fc.record(
  { strategy: fc.constantFrom(...strategies), tiebreak: fc.constantFrom(...tiebreaks) },
  { requiredKeys: [] },
)
const anyPolicy: fc.Arbitrary<TablePolicy> = fc
  .record({
    strategy: fc.constantFrom(...strategies),
    tiebreak: fc.constantFrom(...tiebreaks),
    on_delete: fc.constantFrom(null, ...deleteRules),
    fields: fc.dictionary(fc.constantFrom('a', 'b', 'a.a', 'a.b', 'b.c\\.d'), anyFieldPolicy, { maxKeys: 3 }),
  })
  .map((policy) => ({ ...defaultPolicy('things'), ...policy }))
const anyHlc = fc.constantFrom(earlier, later)
const orDeleted = (record: fc.Arbitrary<JsonObject>) => fc.option(record, { freq: 4 })

/** Whether a side's value at a place can be read from the result or from what was lost. */
function isKept(
  side: JsonObject | null,
  from: LostValue['from'],
  at: Path,
  result: JsonObject | null,
  lost: LostValue[],
) {
  const wanted = valueAt(side ?? {}, at)
  const got = valueAt(result ?? {}, at)
  if (jsonEqual(got, wanted)) return true
  // Objects are looked at value by value; and one may stand where a side removed a value.
  if (isJsonObject(wanted) || (wanted === undefined && isJsonObject(got))) return true
  return lost.some((value) => {
    const path = parsePath(value.path)
    const covers = path.every((name, depth) => name === at[depth])
    const rest = at.slice(path.length)
    // A value that was removed is kept as null.
    const kept = rest.length === 0 ? (value.value ?? undefined) : valueAt(value.value, rest)
    return value.from === from && covers && jsonEqual(kept, wanted)
  })
}

describe('for any policy', () => {
  test('NoSilentLoss: what either side changed is in the result, or kept as lost, or waits for a person', () => {
    fc.assert(
      fc.property(
        fc.record({
          base: fc.option(anyRecord, { nil: undefined }),
          ours: orDeleted(anyRecord),
          theirs: orDeleted(anyRecord),
          policy: anyPolicy,
          hlc: anyHlc,
        }),
        ({ base, ours, theirs, policy, hlc }) => {
          const decision = decideSides({ base, ours, theirs, hlc }, policy)
          fc.pre(decision.kind !== 'conflict' && decision.kind !== 'reject')
          const result = decision.kind === 'write' ? decision.data : theirs
          const lost = decision.kind === 'no_change' ? [] : decision.lost
          const isGone = (side: JsonObject | null, from: LostValue['from']) => (at: Path) => {
            const value = valueAt(side ?? {}, at)
            const isChanged = base === undefined || !jsonEqual(value, base && valueAt(base, at))
            // null stands for "removed" among what was lost: told apart from null nowhere, so not here either.
            return isChanged && value !== null && !isKept(side, from, at, result, lost)
          }
          const places = [base, ours, theirs].flatMap((record) => leaves(record ?? {}))
          expect(places.filter(isGone(ours, 'client'))).toEqual([])
          expect(places.filter(isGone(theirs, 'server'))).toEqual([])
        },
      ),
      { numRuns: 1_000 },
    )
  })

  test('what one side alone changed is taken under merge, and never lost', () => {
    fc.assert(
      fc.property(anyRecord, anyRecord, anyPolicy, anyHlc, (base, ours, policy, hlc) => {
        const decision = decideSides({ base, ours, theirs: base, hlc }, { ...policy, strategy: 'merge' })
        expect(decision).toEqual(
          jsonEqual(ours, base)
            ? { kind: 'no_change' }
            : { kind: 'write', outcome: 'applied', data: ours, lost: [] },
        )
      }),
    )
  })

  test('an edit of the current version is applied as it is', () => {
    fc.assert(
      fc.property(anyRecord, orDeleted(anyRecord), anyPolicy, anyHlc, (base, data, policy, hlc) => {
        const edit: Edit = { operation: data ? 'UPDATE' : 'DELETE', data, hlc, deviceId: 'a' }
        const current: Current = { version: 6, data: base, hlc: serversTime, deviceId: 'b' }
        expect(decide(edit, { data: base, standsOn: 6 }, current, policy, anythingGoes)).toEqual(
          jsonEqual(data, base)
            ? { kind: 'no_change' }
            : { kind: 'write', outcome: 'applied', data, lost: [] },
        )
      }),
    )
  })

  test('NoResurrection: a deleted record lives again by a CREATE, or by a policy that lets the update win', () => {
    fc.assert(
      fc.property(anyRecord, fc.boolean(), anyPolicy, anyHlc, (data, knew, policy, hlc) => {
        const edit: Edit = { operation: 'UPDATE', data, hlc, deviceId: 'a' }
        const current: Current = { version: 6, data: null, hlc: serversTime, deviceId: 'b' }
        const base: Base = knew ? { data: null, standsOn: 6 } : { data: {}, standsOn: 5 }
        const revived = decide(edit, base, current, policy, anythingGoes).kind === 'write'
        const byPolicy =
          policy.on_delete === 'update_wins' ||
          (policy.on_delete === null && policy.strategy === 'crdt') ||
          (policy.on_delete === null && policy.strategy === 'lww' && hlc === later)
        expect(revived).toBe(!knew && byPolicy)
      }),
    )
  })

  test('what is written is valid where it stands', () => {
    const few: DecisionContext<'business_rule'> = {
      validate: (data) => (leaves(data).length > 3 ? { code: 'business_rule', detail: 'no' } : null),
    }
    fc.assert(
      fc.property(anyRecord, anyRecord, anyRecord, anyPolicy, (base, ours, theirs, policy) => {
        const decision = decideSides({ base, ours, theirs }, policy, few)
        const written = decision.kind === 'write' ? leaves(decision.data!) : []
        expect(written.length).toBeLessThanOrEqual(3)
      }),
    )
  })

  test('`applied` means as sent, and nothing else does', () => {
    fc.assert(
      fc.property(anyRecord, anyRecord, anyRecord, anyPolicy, anyHlc, (base, ours, theirs, policy, hlc) => {
        const decision = decideSides({ base, ours, theirs, hlc }, policy)
        fc.pre(decision.kind === 'write')
        expect(decision.outcome === 'applied').toBe(jsonEqual(decision.data, ours))
        expect(jsonEqual(decision.data, theirs)).toBe(false)
      }),
    )
  })
})
