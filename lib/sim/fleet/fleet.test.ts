import { beforeAll, describe, expect, test } from 'vitest'
import { defaultPolicy } from '#lib/core/policy.ts'
import { compilePolicy, validateRecord, type CompiledPolicy } from '#lib/server/tables/validate.ts'
import { readMerges, SAMPLE_FILE } from '../merges.ts'
import { Chance } from './chance.ts'
import { applyFieldEdit, applyRealEdit, inventFieldEdit, inventRemark, spoil } from './edits.ts'
import { Presence } from './presence.ts'
import { deviceProfile } from './profile.ts'
import { buildRegister, type RegisterRecord } from './register.ts'
import { isInspected, REGISTER_TABLES, VISIT_TABLES } from './tables.ts'
import { inventVisit, visitEdits, type VisitCourse } from './visit.ts'

const SCOPES = 6
const MINUTE_MS = 60_000
let register: readonly RegisterRecord[]
let policies: Map<string, CompiledPolicy>

beforeAll(async () => {
  register = buildRegister(await readMerges(SAMPLE_FILE), SCOPES)
  policies = new Map(
    Object.entries({ ...REGISTER_TABLES, ...VISIT_TABLES }).map(([name, policy]) => [
      name,
      compilePolicy({ ...defaultPolicy(name), ...policy }),
    ]),
  )
})

const refusalOf = ({ table }: Pick<RegisterRecord, 'table'>, data: RegisterRecord['first']) => {
  const policy = policies.get(table)
  if (!policy) throw new Error(`no policy for ${table}`)
  return validateRecord(policy, data, null)
}

describe('the register', () => {
  test('is small enough to be there in seconds, and every region has records of it', () => {
    const initial = register.filter((record) => record.isInitial)
    expect(initial.length).toBeGreaterThan(300)
    expect(initial.length).toBeLessThanOrEqual(400)
    const perScope = new Map<string, number>()
    for (const { scope } of initial) perScope.set(scope, (perScope.get(scope) ?? 0) + 1)
    expect(perScope.size).toBe(SCOPES)
    expect(Math.min(...perScope.values())).toBeGreaterThan(30)
  })

  test('and every edit that people made to it satisfy the tables’ schemas and rules', () => {
    for (const record of register) {
      expect(refusalOf(record, record.first)).toBeNull()
      for (const edit of record.edits) {
        const after = applyRealEdit(record.first, edit)
        expect(after === null ? null : refusalOf(record, after)).toBeNull()
      }
    }
  })

  test('what crews invent is accepted, what careless crews write is refused', () => {
    const chance = new Chance('test')
    for (const record of register.slice(0, 60)) {
      expect(refusalOf(record, applyFieldEdit(record.first, inventFieldEdit(chance, 0)))).toBeNull()
      expect(refusalOf(record, spoil(record.first, chance))).not.toBeNull()
    }
  })

  test('a real edit changes the places people changed, and no other', () => {
    const edit = {
      before: { tags: { name: 'A', brand: 'B' }, note: 'x' },
      after: { tags: { name: 'A2', brand: 'B', new: 'N' } },
    }
    const now = { tags: { name: 'A', brand: 'B2', phone: '1' }, note: 'x', other: 1 }
    expect(applyRealEdit(now, edit)).toEqual({
      tags: { name: 'A2', brand: 'B2', phone: '1', new: 'N' },
      other: 1,
    })
  })
})

describe('visits', () => {
  const site = () => register.find(({ table }) => isInspected(table))!
  const editsOf = (course: VisitCourse, seed: number) => {
    const { table, id, scope, first } = site()
    const visit = inventVisit(new Chance(`visit-${seed}`), course)
    const by = { inspector: 'Tablet 1', nowMs: 0 }
    return visitEdits({ site: { table, id, scope }, shown: first, visit, ...by })
  }
  const refusals = (course: VisitCourse, seed: number) =>
    editsOf(course, seed).map(({ table, data }) => refusalOf({ table }, data)?.code ?? null)

  test('are taken by the server as they are, except for the order that is above the limit', () => {
    const lengths = new Set<number>()
    for (let seed = 0; seed < 40; seed++) {
      expect(refusals('plain', seed).filter((code) => code !== null)).toEqual([])
      expect(refusals('refused', seed)).toEqual([null, null, 'business_rule'])
      expect(refusals('sealed', seed)).toEqual([null, null, 'business_rule'])
      lengths.add(editsOf('plain', seed).length)
    }
    expect(lengths).toEqual(new Set([2, 3]))
  })

  test('are the same for the same seed', () => {
    expect(editsOf('plain', 7)).toEqual(editsOf('plain', 7))
    expect(editsOf('sealed', 7)[0]?.edits).toHaveProperty('seals')
    expect(editsOf('refused', 7)[0]?.edits).not.toHaveProperty('seals')
  })

  test('leave remarks that stay short, however many are added', () => {
    const chance = new Chance('remarks')
    let data = site().first
    for (let n = 0; n < 200; n++) data = applyFieldEdit(data, inventRemark(chance))
    expect(JSON.stringify(data['remarks']).length).toBeLessThan(320)
    expect(refusalOf(site(), data)).toBeNull()
  })
})

describe('chance', () => {
  test('is the same for the same name, and independent of what others draw', () => {
    const draw = (chance: Chance) => Array.from({ length: 5 }, () => chance.unit())
    const one = new Chance('fleet-1')
    const first = draw(one.split('a'))
    one.unit()
    expect(draw(one.split('a'))).toEqual(first)
    expect(draw(one.split('b'))).not.toEqual(first)
  })

  test('is even: means and shares are what they should be', () => {
    const chance = new Chance('even')
    const draws = Array.from({ length: 20_000 }, () => chance.unit())
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...draws)).toBeLessThan(1)
    expect(draws.reduce((sum, each) => sum + each, 0) / draws.length).toBeCloseTo(0.5, 1)
    const waits = Array.from({ length: 20_000 }, () => chance.interval(1000))
    expect(waits.reduce((sum, each) => sum + each, 0) / waits.length / 1000).toBeCloseTo(1, 1)
  })
})

describe('devices', () => {
  test('are the same people with the same troubles for the same seed', () => {
    const profiles = (seed: number) =>
      Array.from({ length: 60 }, (_, index) =>
        deviceProfile(new Chance(`fleet-${seed}`), { index, seed, scopes: SCOPES }),
      )
    const first = profiles(1)
    expect(profiles(1)).toEqual(first)
    expect(new Set(first.map((profile) => profile.deviceId)).size).toBe(60)
    expect(profiles(2)[0]?.deviceId).not.toBe(first[0]?.deviceId)
    const count = (trait: string) => first.filter((profile) => profile.trait === trait).length
    expect(count('long_away')).toBe(2)
    expect(count('steady')).toBeGreaterThan(30)
    for (const trait of ['flaky', 'often_away', 'bad_clock', 'bad_payload', 'old_app']) {
      expect(count(trait)).toBeGreaterThan(1)
    }
  })

  test('that are long away stay away for more than an hour, after a first visit', () => {
    const presence = new Presence('long_away', new Chance('away'), 0)
    expect(presence.isUp(0)).toBe(true)
    expect(presence.isUp(31_000)).toBe(false)
    expect(presence.isUp(60 * MINUTE_MS)).toBe(false)
    let returnedMs = 0
    for (let nowMs = 0; nowMs < 400 * MINUTE_MS && returnedMs === 0; nowMs += MINUTE_MS) {
      if (presence.update(nowMs)) returnedMs = nowMs
    }
    expect(returnedMs / MINUTE_MS).toBeGreaterThan(70)
  })
})
