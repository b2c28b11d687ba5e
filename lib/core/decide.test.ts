import { describe, expect, test } from 'vitest'
import { decide, type Base, type Current, type Decision, type DecisionContext, type Edit } from './decide.ts'
import type { JsonObject } from './json.ts'
import { strategies, type Strategy, type TablePolicy } from './policy.ts'
import { anythingGoes, decideSides, earlier, later, policyOf, serversTime } from './testing/edits.ts'

function word(decision: Decision): string {
  switch (decision.kind) {
    case 'write':
      return decision.outcome
    case 'conflict':
      return decision.code
    case 'reject':
      return decision.refusal.code
    case 'no_change':
    case 'superseded':
      return decision.kind
  }
}
const before = { a: 1, b: 1 }
const ours = { a: 2, b: 1 }
const elsewhere = { a: 1, b: 2 }
const onTheSamePlace = { a: 3, b: 1 }

const situations = {
  /** The server never had it. */
  new: { base: { data: undefined, standsOn: 5 }, server: undefined, hlc: later },
  /** Nobody else touched it. */
  forward: { base: { data: before, standsOn: 6 }, server: before, hlc: earlier },
  /** Someone else made the same of it. */
  same: { base: { data: before, standsOn: 5 }, server: ours, hlc: earlier },
  /** Someone else changed another field, the same field before, the same field after us. */
  apart: { base: { data: before, standsOn: 5 }, server: elsewhere, hlc: later },
  clash: { base: { data: before, standsOn: 5 }, server: onTheSamePlace, hlc: later },
  clashLate: { base: { data: before, standsOn: 5 }, server: onTheSamePlace, hlc: earlier },
  /** It was changed, and then made again what it was. */
  cameBack: { base: { data: before, standsOn: 5 }, server: before, hlc: earlier },
  /** Deleted, as the editor knew; deleted before us, after us. */
  knownDeleted: { base: { data: null, standsOn: 6 }, server: null, hlc: later },
  deleted: { base: { data: before, standsOn: 5 }, server: null, hlc: later },
  deletedLate: { base: { data: before, standsOn: 5 }, server: null, hlc: earlier },
  /** The server is behind what was edited: it was restored from a backup. */
  behind: { base: { data: undefined, standsOn: 9 }, server: elsewhere, hlc: later },
  behindDeleted: { base: { data: undefined, standsOn: 9 }, server: null, hlc: later },
} satisfies Record<string, { base: Base; server: JsonObject | null | undefined; hlc: string }>
type Situation = keyof typeof situations

function decideIn(situation: Situation, operation: Edit['operation'], policy: TablePolicy): Decision {
  const { base, server, hlc } = situations[situation]
  const edit = { operation, data: operation === 'DELETE' ? null : ours, hlc, deviceId: 'a' }
  const current =
    server === undefined ? undefined : { version: 6, data: server, hlc: serversTime, deviceId: 'b' }
  // A CREATE is made on nothing.
  return decide(
    edit,
    operation === 'CREATE' ? { data: null, standsOn: 0 } : base,
    current,
    policy,
    anythingGoes,
  )
}

/** What every strategy has in common, by operation; `*` is where the strategy decides. */
const common: Record<Edit['operation'], Record<Situation, string>> = {
  CREATE: {
    new: 'applied',
    forward: '*',
    same: 'no_change',
    apart: '*',
    clash: '*',
    clashLate: '*',
    cameBack: '*',
    knownDeleted: 'applied',
    deleted: 'applied',
    deletedLate: 'applied',
    behind: '*',
    behindDeleted: 'applied',
  },
  UPDATE: {
    new: 'unknown_base',
    forward: 'applied',
    same: 'no_change',
    apart: '*',
    clash: '*',
    clashLate: '*',
    cameBack: '*',
    knownDeleted: 'unknown_base',
    deleted: '*',
    deletedLate: '*',
    behind: '*',
    behindDeleted: '*',
  },
  DELETE: {
    new: 'unknown_base',
    forward: 'applied',
    same: '*',
    apart: '*',
    clash: '*',
    clashLate: '*',
    cameBack: 'applied',
    knownDeleted: 'no_change',
    deleted: 'no_change',
    deletedLate: 'no_change',
    behind: '*',
    behindDeleted: 'no_change',
  },
}

/** Where the strategy decides, in the order of the situations. */
const own: Record<Strategy, Record<Edit['operation'], string>> = {
  lww: {
    CREATE: 'superseded applied applied superseded superseded applied',
    UPDATE: 'applied applied superseded superseded applied superseded applied applied',
    DELETE: 'superseded applied applied superseded applied',
  },
  fww: {
    CREATE: 'stale_version stale_version stale_version stale_version stale_version stale_version',
    UPDATE:
      'stale_version stale_version stale_version stale_version stale_version stale_version stale_version stale_version',
    DELETE: 'stale_version stale_version stale_version stale_version stale_version',
  },
  manual: {
    CREATE: 'manual manual manual manual manual manual',
    UPDATE: 'manual manual manual manual manual manual manual manual',
    DELETE: 'manual manual manual manual manual',
  },
  merge: {
    CREATE: 'manual manual manual manual manual manual',
    UPDATE: 'merged manual manual applied manual manual manual manual',
    DELETE: 'manual manual manual manual manual',
  },
  // No texts and no CRDTs in these records: all of it merges. Under crdt an edit survives a delete that had not seen it.
  ot: {
    CREATE: 'manual manual manual manual manual manual',
    UPDATE: 'merged manual manual applied manual manual manual manual',
    DELETE: 'manual manual manual manual manual',
  },
  crdt: {
    CREATE: 'manual manual manual manual manual manual',
    UPDATE: 'merged manual manual applied applied applied manual applied',
    DELETE: 'superseded superseded superseded superseded superseded',
  },
}

describe('every strategy × operation × situation', () => {
  const cells = strategies.flatMap((strategy) =>
    (['CREATE', 'UPDATE', 'DELETE'] as const).flatMap((operation) => {
      const decided = own[strategy][operation].split(' ')
      return (Object.keys(situations) as Situation[]).map((situation) => ({
        ...{ strategy, operation, situation },
        expected: common[operation][situation].replace('*', () => decided.shift()!),
      }))
    }),
  )

  test.each(cells)(
    '$strategy: $operation, $situation → $expected',
    ({ strategy, operation, situation, expected }) => {
      expect(word(decideIn(situation, operation, policyOf(strategy)))).toBe(expected)
    },
  )
})
const refused = { code: 'business_rule', detail: 'no' } as const

test('a CREATE on top of the device’s own last write is an edit like any other', () => {
  const create: Edit = { operation: 'CREATE', data: ours, hlc: earlier, deviceId: 'a' }
  const current: Current = { version: 6, data: before, hlc: serversTime, deviceId: 'a' }
  expect(word(decide(create, { data: before, standsOn: 6 }, current, policyOf('manual'), anythingGoes))).toBe(
    'applied',
  )
})

describe('after a restore from a backup', () => {
  const lost = { ...anythingGoes, isHistoryLost: true }
  const update: Edit = { operation: 'UPDATE', data: ours, hlc: later, deviceId: 'a' }
  const gone: Current = { version: 6, data: null, hlc: serversTime, deviceId: 'b' }

  test.each(strategies)(
    '%s: a record that the server lost is there again with the first edit of it',
    (strategy) => {
      const base = { data: undefined, standsOn: 5 }
      expect(decide(update, base, undefined, policyOf(strategy), lost)).toMatchObject({
        kind: 'write',
        data: ours,
      })
      const remove: Edit = { ...update, operation: 'DELETE', data: null }
      expect(decide(remove, base, undefined, policyOf(strategy), lost)).toMatchObject({
        kind: 'write',
        data: null,
      })
    },
  )

  test('a CREATE that comes again does not bring back what was deleted after it', () => {
    const create: Edit = { ...update, operation: 'CREATE', hlc: earlier }
    const made = (edit: Edit, context = lost) =>
      word(decide(edit, { data: null, standsOn: 0 }, gone, policyOf('merge'), context))
    expect(made(create)).toBe('manual')
    expect(made({ ...create, hlc: later })).toBe('applied')
    expect(made({ ...create, deviceId: 'b' })).toBe('applied')
    expect(made(create, { ...lost, isHistoryLost: false })).toBe('applied')
  })
})

describe('validation', () => {
  const limit = (max: number): DecisionContext<'business_rule'> => ({
    validate: (data) => (Number(data['a'] ?? 0) + Number(data['b'] ?? 0) > max ? refused : null),
  })

  test.each(strategies)(
    '%s: an edit that is not valid itself is refused before anything else',
    (strategy) => {
      const sides = { base: before, ours: { a: 9, b: 9 }, theirs: onTheSamePlace }
      expect(decideSides(sides, policyOf(strategy), limit(4))).toEqual({ kind: 'reject', refusal: refused })
    },
  )

  test('two valid states whose merge is not: a person decides', () => {
    const sides = { base: before, ours: { a: 2, b: 1 }, theirs: { a: 1, b: 2 } }
    expect(decideSides(sides, policyOf('merge'), limit(4))).toMatchObject({ kind: 'write' })
    expect(decideSides(sides, policyOf('merge'), limit(3))).toEqual({
      kind: 'conflict',
      code: 'manual',
      fields: ['a', 'b'],
    })
  })

  test('an edit is held against what was edited, then against what it would replace', () => {
    const closedStays: DecisionContext<'business_rule'> = {
      validate: (data, previous) =>
        previous?.['closed'] === true && data['closed'] === false ? refused : null,
    }
    const sides = {
      base: { closed: false, a: 1 },
      ours: { closed: false, a: 2 },
      theirs: { closed: true, a: 1 },
    }
    expect(decideSides(sides, policyOf('lww'), closedStays)).toMatchObject({
      kind: 'conflict',
      code: 'manual',
    })
    expect(decideSides(sides, policyOf('merge'), closedStays)).toMatchObject({
      data: { closed: true, a: 2 },
    })
    expect(
      decideSides({ ...sides, base: { closed: true, a: 1 } }, policyOf('merge'), closedStays),
    ).toMatchObject({ kind: 'reject' })
  })

  test('a delete is not validated', () => {
    const never: DecisionContext<'business_rule'> = { validate: () => refused }
    const edit: Edit = { operation: 'DELETE', data: null, hlc: later, deviceId: 'a' }
    const current: Current = { version: 5, data: before, hlc: serversTime, deviceId: 'b' }
    expect(word(decide(edit, { data: before, standsOn: 5 }, current, policyOf('merge'), never))).toBe(
      'applied',
    )
  })
})

// ---- Properties: any policy, any three states ----
