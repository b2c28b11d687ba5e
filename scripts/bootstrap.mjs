// Plain JavaScript for whatever Node the host has, with nothing installed: makes sure that the packages are
// there, then goes on in TypeScript under a current Node.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** The oldest Node that runs our dependencies, and the first that runs TypeScript without a word. */
const oldestNode = [22, 19]
const quietNode = [24, 0]

/**
 * Installs what is missing, then runs a TypeScript file of the project with the arguments of this process.
 * @param {string} script path below `scripts/`
 */
export async function runScript(script) {
  const file = join(root, 'scripts', script)
  if (!isAtLeast(process.versions.node, [20, 0]))
    stop(`Holdfast needs Node 20 or newer; this is ${process.version}.`)
  if (!isInstalled()) install()
  if (isAtLeast(process.versions.node, quietNode)) {
    process.argv[1] = file
    await import(file)
  } else {
    continueIn(currentNode(), ['--disable-warning=ExperimentalWarning', file, ...process.argv.slice(2)])
  }
}

/**
 * npm records what it has put into node_modules as its last act, so that record is proof of a complete
 * installation: it must agree with the lockfile. Optional packages may be missing, as they are on other
 * platforms, but not differ.
 */
function isInstalled() {
  try {
    const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
    const found = JSON.parse(readFileSync(join(root, 'node_modules/.package-lock.json'), 'utf8')).packages
    return Object.entries(wanted).every(
      ([path, { version, optional }]) =>
        path === '' || (path in found ? found[path].version === version : optional),
    )
  } catch {
    return false
  }
}

function install() {
  const startedAt = Date.now()
  process.stdout.write('  Installing the packages (once; a minute or so) …\n')
  const npm = process.env.npm_execpath
  const args = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error']
  const [command, ...before] = npm?.endsWith('.js') ? [process.execPath, npm] : ['npm']
  const { status, stdout, stderr, error } = spawnSync(command, [...before, ...args], {
    cwd: root,
    encoding: 'utf8',
    shell: process.platform === 'win32' && before.length === 0,
    // An older npm runs every install script. Prisma's would download an engine, unless it is shown one.
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: join(root, 'scripts/prisma/engine-server.ts') },
  })
  if (status !== 0) stop(`npm ci failed.\n${stderr || stdout || error}`)
  process.stdout.write(`  ✓ Packages    installed  ${((Date.now() - startedAt) / 1000).toFixed(1)} s\n`)
}

/** A Node that is new enough: this one, or the one from npm. */
function currentNode() {
  const packaged = join(root, 'node_modules/.bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (existsSync(packaged)) return packaged
  if (isAtLeast(process.versions.node, oldestNode)) return process.execPath
  return stop(
    `Holdfast runs on Node ${oldestNode.join('.')} or newer. This is ${process.version}, and npm has no newer one ` +
      `for ${process.platform}-${process.arch}: install one from https://nodejs.org.`,
  )
}

/** Becomes `node args`, as far as a parent can: its signals go there, its exit code comes back. */
function continueIn(node, args) {
  const child = spawn(node, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => stop(String(error)))
  child.on('exit', (code) => process.exit(code ?? 1))
}

function isAtLeast(version, [major, minor]) {
  const [ourMajor, ourMinor] = version.split('.').map(Number)
  return ourMajor > major || (ourMajor === major && ourMinor >= minor)
}

function stop(message) {
  console.error(`\n  ${message}\n`)
  process.exit(1)
}
