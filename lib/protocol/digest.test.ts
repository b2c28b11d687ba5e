import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { bucketHash, bucketOf } from './digest.ts'

const sha256Hex = (text: string) => createHash('sha256').update(text).digest('hex')
const lines = [
  { record_id: '0193f3a2-b4c0-7000-8000-0000000000bb', version: 10, checksum: 'c1' },
  { record_id: '0193f3a2-b4c0-7000-8000-0000000000aa', version: 2, checksum: 'c0' },
]

test('a bucket is the first byte of the hash of the record’s id', () => {
  const id = lines[0]!.record_id
  expect(bucketOf(id, sha256Hex)).toBe(sha256Hex(id).slice(0, 2))
  expect(bucketOf(id, sha256Hex)).toMatch(/^[0-9a-f]{2}$/)
})

test('its hash is over the sorted lines, however they come', () => {
  const text = '0193f3a2-b4c0-7000-8000-0000000000aa:2:c0\n0193f3a2-b4c0-7000-8000-0000000000bb:10:c1'
  expect(bucketHash(lines, sha256Hex)).toBe(sha256Hex(text))
  expect(bucketHash(lines.toReversed(), sha256Hex)).toBe(sha256Hex(text))
})
