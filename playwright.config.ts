import { rmSync } from 'node:fs'
import { defineConfig, devices } from '@playwright/test'
import { findFreePort } from '#scripts/postgres/port.ts'
import { findChromium } from '#scripts/test/chromium.ts'
import { accounts, keys } from './e2e/accounts.ts'

// The workers read this file again: the port is chosen once, and the last run's data removed once.
const dataDir = '.holdfast-e2e'
if (!process.env['HOLDFAST_E2E_PORT']) {
  process.env['HOLDFAST_E2E_PORT'] = String(await findFreePort())
  rmSync(dataDir, { recursive: true, force: true })
}
const port = process.env['HOLDFAST_E2E_PORT']
const baseURL = `http://127.0.0.1:${port}`
const executablePath = findChromium()

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results/e2e',
  // One server, one database, two cores: one page at a time.
  workers: 1,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  forbidOnly: true,
  reporter: 'list',
  use: {
    ...devices['Desktop Chrome'],
    baseURL,
    viewport: { width: 1440, height: 900 },
    trace: 'retain-on-failure',
    launchOptions: {
      ...(executablePath ? { executablePath } : {}),
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  // The product as anybody would start it, on an empty data directory.
  webServer: {
    command: 'node scripts/start.mjs',
    url: `${baseURL}/readyz`,
    timeout: 300_000,
    gracefulShutdown: { signal: 'SIGTERM', timeout: 30_000 },
    stdout: process.env['DEBUG'] ? 'pipe' : 'ignore',
    env: {
      PORT: port,
      HOLDFAST_DATA_DIR: dataDir,
      HOLDFAST_DEMO: 'off',
      HOLDFAST_ADMIN_EMAIL: accounts.admin.email,
      HOLDFAST_ADMIN_PASSWORD: accounts.admin.password,
      HOLDFAST_API_KEY: keys.api,
      HOLDFAST_ENROLLMENT_KEY: keys.enrollment,
      HOLDFAST_TOKEN_SECRET: keys.token,
    },
  },
})
