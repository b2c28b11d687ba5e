import { execFile } from 'node:child_process'
import { access, chown, constants, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * Who runs PostgreSQL. It refuses to run as root, so root hands it to the `postgres` system user;
 * anybody else runs it as themselves (`null`).
 */
export type PostgresOwner = { uid: number; gid: number } | null

/** A program with its arguments, ready for `spawn`. */
export type Command = { file: string; args: string[]; owner: PostgresOwner }

/** The user that will run PostgreSQL; as root, the system user `postgres`, created if it does not exist. */
export async function postgresOwner(): Promise<PostgresOwner> {
  if (process.getuid?.() !== 0) return null
  return (await systemUser()) ?? (await createSystemUser())
}

async function systemUser(): Promise<PostgresOwner> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])])
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
  } catch {
    return null
  }
}

async function createSystemUser(): Promise<PostgresOwner> {
  try {
    await run('groupadd', ['--system', 'postgres']).catch(() => undefined)
    await run('useradd', ['--system', '--gid', 'postgres', '--no-create-home', 'postgres'])
  } catch (cause) {
    throw new Error(
      'PostgreSQL does not run as root and the system user "postgres" could not be created. ' +
        'Run as an ordinary user, create that user, or set DATABASE_URL.',
      { cause },
    )
  }
  return systemUser()
}

/** Gives a path to the user that runs PostgreSQL. Does nothing for an ordinary user. */
export async function giveTo(owner: PostgresOwner, path: string): Promise<void> {
  if (owner) await chown(path, owner.uid, owner.gid)
}

/**
 * The command that runs `file` as `owner`.
 *
 * A private folder above the program or the data (root's `mktemp -d` makes them 0700) would keep the
 * `postgres` user out. On Linux that user is then given the one capability that lets it pass, for access(2)
 * too, and nothing else of root's; where this cannot be had, the message names the folder in the way.
 *
 * @throws Error naming the folder that `owner` cannot enter
 */
export async function commandFor(
  owner: PostgresOwner,
  file: string,
  args: string[],
  paths: string[],
): Promise<Command> {
  const closed = owner && (await firstClosedFolder(owner, [file, ...paths]))
  if (!owner || !closed) return { file, args, owner }
  const capability = '+dac_override'
  const identity = [
    '--securebits=+no_setuid_fixup',
    `--reuid=${owner.uid}`,
    `--regid=${owner.gid}`,
    '--clear-groups',
  ]
  const setpriv = [...identity, `--inh-caps=${capability}`, `--ambient-caps=${capability}`, '--']
  try {
    await run('setpriv', [...setpriv, file, '--version'])
  } catch (cause) {
    const help = `Open it (chmod o+x ${closed}), keep the project elsewhere, or run as an ordinary user.`
    throw new Error(`PostgreSQL runs as the user "postgres", which may not enter ${closed}. ${help}`, {
      cause,
    })
  }
  return { file: 'setpriv', args: [...setpriv, file, ...args], owner: null }
}

async function firstClosedFolder(
  owner: { uid: number; gid: number },
  paths: string[],
): Promise<string | null> {
  for (const path of paths) {
    for (let folder = dirname(path); ; folder = dirname(folder)) {
      if (await exists(folder)) {
        const { mode, uid, gid } = await stat(folder)
        const mayEnter = uid === owner.uid ? mode & 0o100 : gid === owner.gid ? mode & 0o010 : mode & 0o001
        if (!mayEnter) return folder
      }
      if (folder === dirname(folder)) break
    }
  }
  return null
}

const exists = (path: string) =>
  access(path, constants.F_OK).then(
    () => true,
    () => false,
  )
