import { expect, test } from 'vitest'
import { admit, damage, maxSkewMs } from './admit.ts'
import { stampAt } from './testing/records.ts'

const now = Date.parse('2026-11-22T08:00:00Z')
const change = { table: 'things', scope: 'site-7', hlc: stampAt(now) }
const context = {
  knownTable: true,
  granted: (scope: string) => scope === 'site-7',
  nowMillis: now,
}

test.each<[string, Partial<typeof change> & { from_scope?: string }, Partial<typeof context>, string | null]>(
  [
    ['as it should be', {}, {}, null],
    ['a table nobody knows', {}, { knownTable: false }, 'unknown_table'],
    ['a scope that was not granted', { scope: 'site-8' }, {}, 'scope_forbidden'],
    ['moved out of a scope that was not granted', { from_scope: 'site-8' }, {}, 'scope_forbidden'],
    ['moved within what was granted', { from_scope: 'site-7' }, {}, null],
    ['as far ahead as a clock may be', { hlc: stampAt(now + maxSkewMs) }, {}, null],
    ['a millisecond further', { hlc: stampAt(now + maxSkewMs + 1) }, {}, 'clock_skew'],
    ['years behind', { hlc: stampAt(1) }, {}, null],
  ],
)('%s', (_, with_, within, code) => {
  expect(admit({ ...change, ...with_ }, { ...context, ...within })?.code ?? null).toBe(code)
})

test('what was damaged on its way is told by its checksum', () => {
  expect(damage('sum', 'sum')).toBeNull()
  expect(damage('sum', 'other')).toMatchObject({ code: 'checksum_mismatch' })
})

test('a clock is told how far it is ahead', () => {
  expect(admit({ ...change, hlc: stampAt(now + 600_000) }, context)?.detail).toContain('600 s ahead')
})
