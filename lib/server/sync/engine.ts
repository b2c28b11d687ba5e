import type { syncLog } from '#lib/telemetry/sync-log.ts'
import type { Changed } from '../stream/notify.ts'
import type { Policies } from '../tables/policy-cache.ts'
import type { SyncStore } from './store.ts'
import type { ServerStamps } from './stamps.ts'
import type { Turns } from './turns.ts'

/**
 * Everything that a sync rests on beside its arguments: nothing below it reads a clock, rolls dice or opens a database by
 * itself, so that the simulation runs the same code from a seed. One per process and database.
 */
export type Engine = {
  readonly store: SyncStore
  readonly policies: Policies
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** In [0, 1). */
  readonly random: () => number
  /** A UUID, version 7. */
  readonly newId: () => string
  readonly sleep: (ms: number) => Promise<unknown>
  /** Signs tokens and cursors: one secret for all processes of a server. */
  readonly secret: () => string
  readonly stamps: ServerStamps
  readonly turns: Turns
  /** Told after a commit what looks different now. */
  readonly notify: (changed: Changed) => void
  readonly log: ReturnType<typeof syncLog>
}
