import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { queryPrepared } from '../db.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { bigintArray, hexArray, intArray, jsonbArray, textArray, uuidArray } from './pg-arrays.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

async function asRead(type: string, array: Buffer): Promise<unknown> {
  const statement = { name: `read ${type}`, text: `SELECT to_json($1::${type}[]) AS read` }
  const [row] = await queryPrepared<{ read: unknown }>(database.db, statement, [array])
  return row!.read
}

test.each([
  ['int', intArray, [0, null, 1, -1, 2_147_483_647, -2_147_483_648]],
  ['bigint', bigintArray, [0, null, 1, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER, -1, -(2 ** 32)]],
  ['uuid', uuidArray, [randomUUID(), '00000000-0000-0000-0000-000000000000', randomUUID()]],
  ['text', textArray, ['', 'plain', 'ä € 😀 "quoted" \\ {a,b} NULL', '\n']],
])('a list of %s is read as it was', async (type, write, values) => {
  expect(await asRead(type, write(values as never))).toEqual(values)
  expect(await asRead(type, write([]))).toEqual([])
})

test('JSON texts and bytes are read as they were', async () => {
  const states = [{ a: 'ä 😀\u2028"', b: [1.5, null, true] }, null, {}]
  const texts = states.map((state) => state && JSON.stringify(state))
  expect(await asRead('jsonb', jsonbArray(texts))).toEqual(states)
  const hashes = ['00ff', null, 'a1b2']
  expect(await asRead('bytea', hexArray(2, hashes))).toEqual(['\\x00ff', null, '\\xa1b2'])
})

test('what is no such value is not written as another', () => {
  expect(() => uuidArray(['no uuid'])).toThrow(RangeError)
  expect(() => uuidArray(['zz000000-0000-0000-0000-000000000000'])).toThrow(RangeError)
  expect(() => hexArray(32, ['abc'])).toThrow(RangeError)
})
