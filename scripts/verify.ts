import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { generateClient } from './prisma/generate.ts'

const root = resolve(import.meta.dirname, '..')
const bin = (name: string) => resolve(root, 'node_modules/.bin', name)

/** The static checks: each a program that is content when it exits with 0. */
const checks: readonly { name: string; command: [string, ...string[]] }[] = [
  { name: 'format', command: [bin('oxfmt'), '--check'] },
  { name: 'lint', command: [bin('oxlint'), '--deny-warnings'] },
  { name: 'types', command: [bin('tsc'), '--noEmit', '--project', '.'] },
  { name: 'types of lib/core', command: [bin('tsc'), '--noEmit', '--project', 'lib/core'] },
  { name: 'types of lib/client', command: [bin('tsc'), '--noEmit', '--project', 'lib/client'] },
  { name: 'unused code', command: [bin('knip'), '--no-progress'] },
]

/** Runs all static checks side by side and prints what the unhappy ones say. */
export async function verify(): Promise<{ passed: number; failed: number }> {
  await generateClient()
  const results = await Promise.all(checks.map(({ name, command }) => check(name, command)))
  const passed = results.filter(Boolean).length
  return { passed, failed: results.length - passed }
}

async function check(name: string, [file, ...args]: readonly [string, ...string[]]): Promise<boolean> {
  const startedAt = performance.now()
  const child = spawn(file, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk))
  const [code] = await once(child, 'close')
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  console.log(`  ${code === 0 ? '✓' : '✗'} ${name.padEnd(22)}${seconds} s`)
  if (code !== 0) console.log(`\n${said.trim()}\n`)
  return code === 0
}

if (import.meta.main) {
  const { failed } = await verify()
  process.exitCode = failed === 0 ? 0 : 1
}
