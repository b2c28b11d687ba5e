import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { DiffTarget } from '@prisma/schema-engine-wasm/schema_engine_bg'
import { withEngine } from './engine.ts'
import { schemaFile, schemaFilter } from './migrations.ts'

/**
 * What would have to be run on a database to make it what `schema.prisma` says, but for the external tables.
 * @returns SQL, an empty string when there is no drift
 */
export function diffFromSchema(url: string): Promise<string> {
  return script(url, 'database', schemaFilter.externalTables)
}

/** The whole of `schema.prisma` as SQL for an empty database: external tables included, unpartitioned. */
export function scriptOfSchema(url: string): Promise<string> {
  return script(url, 'empty', [])
}

async function script(url: string, from: 'database' | 'empty', externalTables: string[]): Promise<string> {
  const files = [{ path: schemaFile, content: await readFile(schemaFile, 'utf8') }]
  const datamodels = files.map(({ path, content }): [string, string] => [path, content])
  const start: DiffTarget =
    from === 'empty' ? { tag: 'empty' } : { tag: 'schemaDatasource', files, configDir: dirname(schemaFile) }
  return withEngine(url, datamodels, async (engine) => {
    const { stdout } = await engine.diff({
      from: start,
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: null,
      filters: { externalTables, externalEnums: [] },
    })
    return (stdout ?? '').replace('-- This is an empty migration.', '').trim()
  })
}
