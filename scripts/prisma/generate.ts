import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { prismaCli, prismaEnvironment } from './cli.ts'
import { schemaFile } from './migrations.ts'

const root = resolve(import.meta.dirname, '../..')
const stampFile = join(root, 'lib/server/generated/prisma/.schema-hash')

/**
 * Generates the Prisma client if the schema or Prisma's version is not the one it was made from.
 * @returns whether it had to
 */
export async function generateClient(): Promise<boolean> {
  const inputs = await Promise.all(
    [schemaFile, join(root, 'node_modules/prisma/package.json')].map((file) => readFile(file)),
  )
  const hash = createHash('sha256').update(Buffer.concat(inputs)).digest('hex')
  if ((await readFile(stampFile, 'utf8').catch(() => '')) === hash) return false
  await promisify(execFile)(process.execPath, [prismaCli, 'generate', '--no-hints'], {
    cwd: root,
    env: prismaEnvironment(),
  })
  await writeFile(stampFile, hash)
  return true
}
