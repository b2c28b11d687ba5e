import { join } from 'node:path'
import { openLog } from './log-file.ts'
import type { Secrets } from './secrets.ts'
import { runService, type Service } from './service.ts'
import type { Settings } from './settings.ts'

const graceMs = 5_000

/** Starts the simulated devices of the demo: a process of its own that speaks only HTTP. */
export function startFleet(
  { dataDir, origin, keys }: Settings,
  secrets: Secrets,
  shutdown: AbortSignal,
): Service {
  return runService({
    name: 'The demo fleet',
    args: ['scripts/fleet.ts'],
    env: {
      ...process.env,
      HOLDFAST_URL: origin,
      HOLDFAST_ENROLLMENT_KEY: keys.enrollment ?? secrets.demoEnrollmentKey,
      HOLDFAST_API_KEY: keys.api ?? secrets.demoApiKey,
    },
    log: openLog(join(dataDir, 'logs/fleet.log')),
    graceMs,
    shutdown,
  })
}
