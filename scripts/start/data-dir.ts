import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/**
 * Takes a data directory for this process: only one instance may work on it.
 *
 * The lock is an exclusive transaction on an empty SQLite file, the one lock of the operating system that Node
 * offers: it is gone the moment its holder is, however it ends, so there is no stale lock to recognise.
 * @param about what a second instance is told about this one
 * @returns lets the directory go
 * @throws Error that names the instance which has it
 */
export async function takeDataDir(dir: string, about: { url: string }): Promise<() => void> {
  await mkdir(dir, { recursive: true, mode: 0o755 })
  const noteFile = join(dir, 'instance.json')
  const lock = new DatabaseSync(join(dir, 'instance.lock'), { timeout: 0 })
  try {
    lock.exec('BEGIN EXCLUSIVE')
  } catch {
    lock.close()
    throw new Error(
      `Another Holdfast is running on ${dir}${await describe(noteFile)}. Stop it, or set HOLDFAST_DATA_DIR.`,
    )
  }
  await writePrivately(noteFile, { pid: process.pid, ...about })
  return () => lock.close()
}

async function describe(noteFile: string): Promise<string> {
  try {
    const { pid, url } = JSON.parse(await readFile(noteFile, 'utf8')) as { pid: number; url: string }
    return ` (process ${pid}, ${url})`
  } catch {
    return ''
  }
}

/** Writes a JSON file that only its owner may read; whole or not at all, whatever happens meanwhile. */
export async function writePrivately(file: string, content: object): Promise<void> {
  const draft = `${file}.new`
  await writeFile(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flush: true })
  await rename(draft, file)
}
