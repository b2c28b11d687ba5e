import { createDatabase, dropDatabase, canConnect } from '../postgres/database.ts'

/**
 * The native engine's `cli` commands, which Prisma runs before a migration.
 * @returns the exit code; on failure the reason is on standard error, as the native engine puts it
 */
export async function runDatabaseCommand(command: string, url: string): Promise<number> {
  try {
    if (command === 'can-connect-to-database') await canConnect(url)
    else if (command === 'create-database') await createDatabase(url)
    else if (command === 'drop-database') await dropDatabase(url)
    else throw new Error(`unknown command ${command}`)
    console.log('ok')
    return 0
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === '3D000'
    const message = error instanceof Error ? error.message : String(error)
    const fields = { is_panic: false, error_code: isMissing ? 'P1003' : 'P1001', message }
    // Prisma skips the first line of what it finds here, and takes every other one for JSON.
    process.stderr.write(`\n${JSON.stringify({ level: 'ERROR', target: 'schema_engine::logger', fields })}`)
    return 1
  }
}
