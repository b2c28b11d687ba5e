import { repairRollups, rollUp } from '../health/rollup.ts'
import { compact } from '../retention/compact.ts'
import { forgetAnswers } from '../retention/forget.ts'
import { lookAfterSagas } from '../sagas/look-after.ts'
import { trimSagas } from '../sagas/trim.ts'
import {
  maintainPartitions,
  trimDeviceEvents,
  trimIdempotencyKeys,
  trimRateLimits,
  trimRollups,
  trimTraces,
} from './store.ts'

/** What a job may use beside the product's own verbs. */
export type JobTools = {
  /**
   * Runs a statement as the owner of the database and without a time limit: for what the application's role may not do,
   * such as making tables, and for what takes long.
   */
  asOwner: <Row extends object>(sql: string, values?: unknown[]) => Promise<Row[]>
}

export type Job = {
  name: string
  /** At most once in this many seconds, over all processes. */
  everySeconds: number
  run: (tools: JobTools) => Promise<unknown>
}

/** Everything that happens in the background, and how often. */
export const jobs: readonly Job[] = [
  { name: 'rollup', everySeconds: 10, run: () => rollUp() },
  { name: 'rollup-repair', everySeconds: 300, run: () => repairRollups() },
  { name: 'sagas', everySeconds: 10, run: () => lookAfterSagas() },
  { name: 'trim-sagas', everySeconds: 3_600, run: () => trimSagas() },
  { name: 'trim-traces', everySeconds: 60, run: () => trimTraces() },
  { name: 'trim-device-events', everySeconds: 600, run: () => trimDeviceEvents() },
  { name: 'trim-idempotency-keys', everySeconds: 3_600, run: () => trimIdempotencyKeys() },
  { name: 'trim-rate-limits', everySeconds: 3_600, run: () => trimRateLimits() },
  { name: 'trim-rollups', everySeconds: 3_600, run: () => trimRollups() },
  { name: 'compact', everySeconds: 3_600, run: ({ asOwner }) => compact(asOwner) },
  { name: 'forget-answers', everySeconds: 3_600, run: ({ asOwner }) => forgetAnswers(asOwner) },
  // Hourly although months are long: a server that was off at the turn of the month makes up for it soon.
  { name: 'partitions', everySeconds: 3_600, run: ({ asOwner }) => maintainPartitions(asOwner) },
]
