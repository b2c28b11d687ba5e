import pg from 'pg'
import { expect, test } from 'vitest'
import { createTestDatabase } from '#lib/server/testing/database.ts'
import { diffFromSchema, scriptOfSchema } from '#scripts/prisma/drift.ts'
import { schemaFilter } from '#scripts/prisma/migrations.ts'

const migrated = await createTestDatabase()
const fromSchema = await createTestDatabase()
await run(fromSchema, 'DROP SCHEMA public CASCADE; CREATE SCHEMA public')
await run(fromSchema, await scriptOfSchema(fromSchema))

test('the migrations, applied to an empty database, make what schema.prisma says', async () => {
  expect(await diffFromSchema(migrated)).toBe('')
})

test('drift is found', async () => {
  const drifted = await createTestDatabase()
  await run(
    drifted,
    'ALTER TABLE device DROP COLUMN name; ALTER TABLE device ALTER COLUMN platform DROP NOT NULL',
  )
  const script = await diffFromSchema(drifted)
  expect(script).toContain('ADD COLUMN     "name"')
  expect(script).toContain('"platform"')
})

// Prisma cannot describe partitions and leaves these tables alone, so their columns are compared with the
// tables it would have made.
test.each(schemaFilter.externalTables)('%s has the columns of its model', async (table) => {
  const columns = await columnsOf(fromSchema, table)
  expect(columns.length).toBeGreaterThan(3)
  expect(await columnsOf(migrated, table)).toEqual(columns)
})

type Column = { name: string; type: string; isRequired: boolean }

async function columnsOf(url: string, table: string): Promise<Column[]> {
  return run(
    url,
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type, attnotnull AS "isRequired"
     FROM pg_attribute WHERE attrelid = '${table}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attname`,
  )
}

async function run(url: string, statements: string): Promise<Column[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Column>(statements)).rows
  } finally {
    await client.end()
  }
}
