import { z } from 'zod'
import { healthStates } from '#lib/core/health.ts'
import { uuid } from './sync.ts'

/** What the Health page shows: `GET /api/v1/health/summary?range=`. Seconds, bytes, ratios from 0 to 1. */

const at = z.iso.datetime()

export const healthRanges = ['1h', '6h', '24h', '7d'] as const
export type HealthRange = (typeof healthRanges)[number]

export const healthQuerySchema = z.object({ range: z.enum(healthRanges).default('1h') })

/** A figure now and an hour ago; null where nothing is known, which is not zero. */
const figure = z.object({ now: z.number().nullable(), hour_ago: z.number().nullable() })
export type Figure = z.output<typeof figure>

/** A number of devices and its share of those that people expect to sync (paused and revoked ones are not). */
const stateFigure = figure.extend({ share: z.number().nullable() })

export const trendMetrics = [
  'lag',
  'failure_rate',
  'conflict_rate',
  'queue_depth',
  'payload',
  'duration',
] as const
export type TrendMetric = (typeof trendMetrics)[number]

const trend = z.object({
  metric: z.enum(trendMetrics),
  unit: z.enum(['seconds', 'ratio', 'count', 'bytes']),
  /** The alert threshold of semantics.md. */
  threshold: z.number(),
  /** Oldest first, evenly spaced by `step_seconds`. A series without a value at a point is null there: a gap. */
  points: z.array(z.object({ at, values: z.record(z.string(), z.number().nullable()) })),
})
export type HealthTrend = z.output<typeof trend>

const worst = z.object({
  key: z.string(),
  attempts: z.int(),
  failures: z.int(),
  failure_rate: z.number().nullable(),
  pushed: z.int(),
  conflicts: z.int(),
  conflict_rate: z.number().nullable(),
  lag_p95_seconds: z.number().nullable(),
})
export type WorstItem = z.output<typeof worst>

const recentFailure = z.object({
  at,
  /** sync: the server refused or failed. device: the device told later. conflict, dead_letter: wait for a person. */
  kind: z.enum(['sync', 'device', 'conflict', 'dead_letter']),
  /** Id of the sync session, conflict or dead letter; of the device for `device`. */
  id: uuid,
  device_id: uuid,
  device_name: z.string().nullable(),
  code: z.string(),
  detail: z.string(),
  /** How many of the same code this device had among the recent ones. */
  count: z.int(),
})
export type RecentFailure = z.output<typeof recentFailure>

/** This server was restored from a backup, as devices showed it. */
const restored = z.object({
  noticed_at: at,
  /** Until then, at least, the history went on that was lost; null where no device could tell. */
  lost_until: at.nullable(),
  /** Devices that know more than the server has: each is asked to send again what is missing. */
  devices: z.int(),
})

export const healthSummarySchema = z.object({
  as_of: at,
  range: z.enum(healthRanges),
  step_seconds: z.int(),
  /** When the statistics were last rolled up; null before the first time. Older than a minute: no worker runs. */
  rolled_up_at: at.nullable(),
  devices: z.object({
    total: z.int(),
    active: figure,
    syncing: figure,
    /** Active devices whose clock is further off than the health warning allows. */
    skewed: figure,
    states: z.object(
      Object.fromEntries(healthStates.map((state) => [state, stateFigure])) as Record<
        (typeof healthStates)[number],
        typeof stateFigure
      >,
    ),
  }),
  lag: z.object({ average_seconds: figure, p50_seconds: figure, p95_seconds: figure, max_seconds: figure }),
  /** Over the last five minutes. */
  failure_rate: figure,
  conflict_rate: figure,
  /** Sync requests a minute, over the last five minutes. */
  syncs_per_minute: figure,
  queue_depth: z.object({ total: figure, critical: figure, normal: figure, bulk: figure }),
  conflicts_open: z.int(),
  dead_letters_open: z.int(),
  /** Sagas whose undoing waits for a person. */
  sagas_stuck: z.int(),
  /** The latest restore, where it was noticed in the last seven days. */
  restored: restored.nullable(),
  recent_failures: z.array(recentFailure),
  trends: z.array(trend),
  worst: z.object({ scopes: z.array(worst), tables: z.array(worst), app_versions: z.array(worst) }),
})
export type HealthSummary = z.output<typeof healthSummarySchema>
