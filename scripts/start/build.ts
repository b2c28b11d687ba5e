import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lifeline } from './lifeline.ts'
import { root } from './settings.ts'

/** What a build is made from. */
const sources = [
  'app',
  'components',
  'lib',
  'public',
  'prisma/schema.prisma',
  'instrumentation.ts',
  'proxy.ts',
  'next.config.ts',
  'postcss.config.mjs',
  'package.json',
  'package-lock.json',
]
const stampName = 'holdfast-sources'

/**
 * Builds the console and the API for production, unless the last build was made from the same files.
 * @param distDir below the project
 * @returns whether it had to
 * @throws Error with the end of what the build said
 */
export async function ensureBuild(distDir: string, signal?: AbortSignal): Promise<boolean> {
  const stamp = join(root, distDir, stampName)
  const hash = await hashSources()
  if ((await readFile(stamp, 'utf8').catch(() => '')) === hash && (await isComplete(distDir))) return false
  await Promise.all([stamp, join(root, distDir, 'BUILD_ID')].map((file) => rm(file, { force: true })))
  // With a lifeline: a build that outlived a killed start would keep the next one from building.
  const child = spawn(process.execPath, [...lifeline, 'node_modules/next/dist/bin/next', 'build'], {
    cwd: root,
    env: { ...process.env, NODE_ENV: 'production', NEXT_DIST_DIR: distDir, NEXT_TELEMETRY_DISABLED: '1' },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    ...(signal ? { signal } : {}),
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk) => (said = (said + chunk).slice(-8_192)))
  const [code] = await once(child, 'close')
  if (code !== 0 || !(await isComplete(distDir))) throw new Error(`next build failed.\n${said.trim()}`)
  await writeFile(stamp, hash)
  return true
}

/** Next writes the id of a build near its end. */
async function isComplete(distDir: string): Promise<boolean> {
  return (await readFile(join(root, distDir, 'BUILD_ID'), 'utf8').catch(() => '')) !== ''
}

async function hashSources(): Promise<string> {
  const hash = createHash('sha256').update(process.version)
  for (const source of sources) {
    for (const file of await filesIn(source))
      hash.update(`${file}\0`).update(await readFile(join(root, file)))
  }
  return hash.digest('hex')
}

/** Tests and simulations are no part of a build. @returns paths below the project, in a stable order */
async function filesIn(path: string): Promise<string[]> {
  try {
    const entries = await readdir(join(root, path), { withFileTypes: true, recursive: true })
    const files = entries.filter((entry) => entry.isFile() && !/\.test\.tsx?$/.test(entry.name))
    const paths = files.map((file) => join(file.parentPath, file.name).slice(root.length + 1))
    return paths.filter((path) => !path.startsWith('lib/sim/')).toSorted()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    if (error.code === 'ENOTDIR') return [path]
    if (error.code === 'ENOENT') return []
    throw error
  }
}
