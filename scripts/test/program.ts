import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { root } from '../start/settings.ts'

/** Runs a Node program of the project with our output. @returns whether it was content */
export async function runProgram(
  script: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<boolean> {
  const child = spawn(process.execPath, [script, ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: 'inherit',
  })
  const [code] = await once(child, 'exit')
  return code === 0
}
