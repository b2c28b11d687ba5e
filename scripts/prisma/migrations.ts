import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { MigrationList } from '@prisma/schema-engine-wasm/schema_engine_bg'
import prismaConfig from '../../prisma.config.ts'
import { withEngine } from './engine.ts'

export const schemaFile = resolve(import.meta.dirname, '../../prisma/schema.prisma')
const migrationsDir = resolve(import.meta.dirname, '../../prisma/migrations')

/** What Prisma must leave alone: partitioned tables, which its schema language cannot describe. */
export const schemaFilter = { externalTables: prismaConfig.tables?.external ?? [], externalEnums: [] }

/** The migrations of the project, as Prisma's engine wants them. */
export async function readMigrations(baseDir = migrationsDir): Promise<MigrationList> {
  const entries = await readdir(baseDir, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  return {
    baseDir,
    lockfile: {
      path: 'migration_lock.toml',
      content: await readFile(join(baseDir, 'migration_lock.toml'), 'utf8'),
    },
    shadowDbInitScript: '',
    migrationDirectories: await Promise.all(
      names.toSorted().map(async (path) => {
        const value = await readFile(join(baseDir, path, 'migration.sql'), 'utf8')
        return { path, migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value } } }
      }),
    ),
  }
}

/**
 * Applies the migrations that a database has not seen; the table of applied ones is Prisma's.
 * @returns their names
 * @throws Error if one fails, or failed before and needs a person
 */
export async function applyMigrations(url: string, baseDir?: string): Promise<string[]> {
  const migrationsList = await readMigrations(baseDir)
  return withEngine(url, undefined, async (engine) => {
    const { appliedMigrationNames } = await engine.applyMigrations({ migrationsList, filters: schemaFilter })
    return appliedMigrationNames
  })
}
