import { execFile, spawn } from 'node:child_process'
import { mkdir, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * Prometheus' own checker: from the PATH, else unpacked from Debian's package into the temporary folder (nothing is
 * installed and no daemon starts).
 * @returns its path, or null where it is not to be had
 */
export async function findPromtool(): Promise<string | null> {
  const folder = join(tmpdir(), 'holdfast-promtool')
  for (const candidate of ['promtool', join(folder, 'usr/bin/promtool')]) {
    if (await works(candidate)) return candidate
  }
  try {
    await mkdir(folder, { recursive: true })
    await run('apt-get', ['download', 'prometheus'], { cwd: folder, timeout: 60_000 })
    const archive = (await readdir(folder)).find((name) => name.endsWith('.deb'))
    if (archive) await run('dpkg-deb', ['-x', archive, '.'], { cwd: folder, timeout: 60_000 })
  } catch {
    return null
  }
  const unpacked = join(folder, 'usr/bin/promtool')
  return (await works(unpacked)) ? unpacked : null
}

const works = (path: string) =>
  run(path, ['--version']).then(
    () => true,
    () => false,
  )

/** `promtool check metrics`. @returns its complaints, empty for none */
export function checkMetrics(
  promtool: string,
  metrics: string,
): Promise<{ code: number | null; said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(promtool, ['check', 'metrics'], { stdio: ['pipe', 'pipe', 'pipe'] })
    let said = ''
    child.stdout.on('data', (chunk) => (said += chunk))
    child.stderr.on('data', (chunk) => (said += chunk))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, said: said.trim() }))
    child.stdin.end(metrics)
  })
}
