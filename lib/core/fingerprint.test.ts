import { expect, test } from 'vitest'
import { detailPattern, fingerprint } from './fingerprint.ts'

const fault = {
  code: 'schema_mismatch',
  table: 'inspections',
  detail: '/data/count must be >= 0',
  schemaVersion: 1,
}

test.each([
  ['/data/lines/3/count must be >= 0', '/data/lines/#/count must be >= #'],
  ['the record 0193f3a2-b4c0-7000-8000-9f2c01aa77e0 is gone', 'the record <id> is gone'],
  ['There is no table "brands/amenity" on this server.', 'There is no table "…" on this server.'],
  ['said "it\\"s" and "x"', 'said "…" and "…"'],
  [
    "must not be 'a' nor 'b'; don't retry, it won't help",
    "must not be '…' nor '…'; don't retry, it won't help",
  ],
  ['stamped 2026-11-22T08:00:00.123Z, 12.5 s ahead', 'stamped <time>, # s ahead'],
  ['checksum 9f86d081884c7d65 is not e3b0c44298fc', 'checksum <id> is not <id>'],
  ['the   face\nis effaced', 'the face is effaced'],
])('%s', (detail, pattern) => {
  expect(detailPattern(detail)).toBe(pattern)
})

test('one fault of many records has one fingerprint', () => {
  expect(fingerprint({ ...fault, detail: '/data/count must be >= 17' })).toBe(fingerprint(fault))
  expect(fingerprint(fault)).toMatch(/^[0-9a-f]{24}$/)
})

test.each([
  { code: 'business_rule' },
  { table: 'rounds' },
  { table: null },
  { schemaVersion: 2 },
  { detail: '/data/size must be >= 0' },
])('%j is another fault', (other) => {
  expect(fingerprint({ ...fault, ...other })).not.toBe(fingerprint(fault))
})

test('a detail of any length takes linear time', () => {
  const started = performance.now()
  detailPattern(`"${'a\\'.repeat(1_000_000)}`)
  detailPattern('0'.repeat(1_000_000))
  expect(performance.now() - started).toBeLessThan(200)
})
