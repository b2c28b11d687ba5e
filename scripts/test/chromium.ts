import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chromium } from '@playwright/test'

/** Enough for a download on a slow line, and for a closed network to show itself. */
const installTimeoutMs = 180_000

const programs = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']
const macPath = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'

/**
 * A Chromium of this machine: `CHROME_PATH`, Playwright's own, the system's.
 * @returns its path, null if there is none
 */
export function findChromium(): string | null {
  const candidates = [process.env['CHROME_PATH'], chromium.executablePath(), ...programs.map(which), macPath]
  return candidates.find((path) => path && existsSync(path)) ?? null
}

/**
 * Finds a Chromium, or installs one: Playwright's, else Debian's where we are root.
 * @throws Error that says how to get one
 */
export async function ensureChromium(): Promise<string> {
  for (const install of [() => undefined, installPlaywrights, installDebians]) {
    install()
    const found = findChromium()
    if (found) return found
  }
  throw new Error('No Chromium: install one, or point CHROME_PATH at it.')
}

function installPlaywrights(): void {
  const args = ['node_modules/@playwright/test/cli.js', 'install', 'chromium']
  spawnSync(process.execPath, args, { stdio: 'inherit', timeout: installTimeoutMs })
}

function installDebians(): void {
  if (process.getuid?.() !== 0 || !which('apt-get')) return
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  spawnSync('apt-get', ['update', '-qq'], { stdio: 'inherit', env, timeout: installTimeoutMs })
  const args = ['install', '-y', '-qq', '--no-install-recommends', 'chromium']
  spawnSync('apt-get', args, { stdio: 'inherit', env, timeout: installTimeoutMs })
}

function which(program: string): string | null {
  try {
    return execFileSync('which', [program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return null
  }
}
