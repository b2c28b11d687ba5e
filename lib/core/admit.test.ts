import { expect, test } from 'vitest'
import { admit, maxSkewMs } from './admit.ts'
import { stampAt } from './testing/records.ts'

const now = Date.parse('2026-11-22T08:00:00Z')
const change = { table: 'things', scope: 'site-7', hlc: stampAt(now), checksum: 'sum' }
const context = {
  knownTable: true,
  granted: (scope: string) => scope === 'site-7',
  checksum: 'sum',
  nowMillis: now,
}

test.each<[string, Partial<typeof change> & { from_scope?: string }, Partial<typeof context>, string | null]>(
  [
    ['as it should be', {}, {}, null],
    ['a table nobody knows', {}, { knownTable: false }, 'unknown_table'],
    ['a scope that was not granted', { scope: 'site-8' }, {}, 'scope_forbidden'],
    ['moved out of a scope that was not granted', { from_scope: 'site-8' }, {}, 'scope_forbidden'],
    ['moved within what was granted', { from_scope: 'site-7' }, {}, null],
    ['damaged on its way', { checksum: 'other' }, {}, 'checksum_mismatch'],
    ['as far ahead as a clock may be', { hlc: stampAt(now + maxSkewMs) }, {}, null],
    ['a millisecond further', { hlc: stampAt(now + maxSkewMs + 1) }, {}, 'clock_skew'],
    ['years behind', { hlc: stampAt(1) }, {}, null],
    [
      'damaged and ahead: the damage first',
      { checksum: 'x', hlc: stampAt(now * 2) },
      {},
      'checksum_mismatch',
    ],
  ],
)('%s', (_, with_, within, code) => {
  expect(admit({ ...change, ...with_ }, { ...context, ...within })?.code ?? null).toBe(code)
})

test('a clock is told how far it is ahead', () => {
  expect(admit({ ...change, hlc: stampAt(now + 600_000) }, context)?.detail).toContain('600 s ahead')
})
