import type { HealthState } from '#lib/core/health.ts'
import type { SagaState } from '#lib/core/saga.ts'
import { database } from '../db.ts'
import { selectRollupState, type LagDistribution } from './rollup-store.ts'

export type FleetFigures = {
  states: Record<HealthState, number>
  pendingCritical: number
  pendingNormal: number
  pendingBulk: number
  /** Over the last five minutes. */
  attempts: number
  failures: number
  pushed: number
  conflicts: number
  lag: LagDistribution | null
  deadLettersOpen: number
  conflictsOpen: number
  sagas: Partial<Record<SagaState, number>>
  feedPosition: number
  /** Seconds since 1970; 0 where no restore was noticed. */
  restoreNoticedSeconds: number
  restoreDevices: number
  fullSyncs: { admitted: number; waiting: number }
  rolledUpAt: Date | null
}

type FleetRow = Record<HealthState, number> & {
  pending_critical: number
  pending_normal: number
  pending_bulk: number
}
type RateRow = Record<'attempts' | 'failures' | 'pushed' | 'conflicts', number>
type OpenRow = {
  conflicts: number
  dead_letters: number
  feed_position: number
  admitted: number
  waiting: number
  restore_noticed: number | null
  restore_devices: number
}

const noFleet: FleetRow = {
  ...{ critical: 0, warning: 0, healthy: 0, unknown: 0, paused: 0, revoked: 0 },
  ...{ pending_critical: 0, pending_normal: 0, pending_bulk: 0 },
}

/** The fleet for a scrape, from the roll-ups of at most ten seconds ago: the same in every process. */
export async function selectFleetFigures(now: Date): Promise<FleetFigures> {
  const db = database()
  const [fleet, rate, open, sagas, rollup] = await Promise.all([
    db.$queryRaw<FleetRow[]>`
      SELECT critical, warning, healthy, unknown, paused, revoked, pending_critical, pending_normal, pending_bulk
      FROM fleet_rollup WHERE scope = '' ORDER BY bucket DESC LIMIT 1`,
    selectRates(now),
    db.$queryRaw<OpenRow[]>`
      SELECT (SELECT count(*) FROM conflict WHERE state = 'open')::int AS conflicts,
        (SELECT count(*) FROM dead_letter WHERE state = 'open')::int AS dead_letters,
        (SELECT extract(epoch FROM max(noticed_at)) FROM lost_history)::float8 AS restore_noticed,
        (SELECT count(*) FROM lost_history_device
          WHERE lost_history_id = (SELECT max(id) FROM lost_history))::int AS restore_devices,
        (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM feed_position)::float8 AS feed_position,
        (SELECT count(*) FROM snapshot_turn WHERE expires_at > now() AND admitted_at IS NOT NULL)::int AS admitted,
        (SELECT count(*) FROM snapshot_turn WHERE expires_at > now() AND admitted_at IS NULL)::int AS waiting`,
    db.$queryRaw<{ state: SagaState; count: number }[]>`
      SELECT state, count(*)::int AS count FROM saga GROUP BY state`,
    selectRollupState(db),
  ])
  const { pending_critical, pending_normal, pending_bulk, ...states } = fleet[0] ?? noFleet
  return {
    states,
    pendingCritical: pending_critical,
    pendingNormal: pending_normal,
    pendingBulk: pending_bulk,
    ...rate,
    lag: rollup?.lag ?? null,
    deadLettersOpen: open[0]?.dead_letters ?? 0,
    conflictsOpen: open[0]?.conflicts ?? 0,
    sagas: Object.fromEntries(sagas.map(({ state, count }) => [state, count])),
    feedPosition: open[0]?.feed_position ?? 0,
    restoreNoticedSeconds: open[0]?.restore_noticed ?? 0,
    restoreDevices: open[0]?.restore_devices ?? 0,
    fullSyncs: { admitted: open[0]?.admitted ?? 0, waiting: open[0]?.waiting ?? 0 },
    rolledUpAt: rollup?.rolled_up_at ?? null,
  }
}

/** What happened in the five minutes before `until`, from the roll-up; `minutes` says how much of them it covers. */
export async function selectRates(until: Date): Promise<RateRow & { minutes: number }> {
  const from = new Date(until.getTime() - 5 * 60_000)
  const rows = await database().$queryRaw<RateRow[]>`
    SELECT coalesce(sum(attempts), 0)::int AS attempts, coalesce(sum(failures), 0)::int AS failures,
      coalesce(sum(pushed), 0)::int AS pushed, coalesce(sum(conflicts), 0)::int AS conflicts
    FROM sync_rollup WHERE resolution = 'minute' AND dimension = 'all' AND key = ''
      AND bucket > ${from} AND bucket <= ${until}`
  const minutes = 4 + (until.getTime() % 60_000) / 60_000
  return { ...(rows[0] ?? { attempts: 0, failures: 0, pushed: 0, conflicts: 0 }), minutes }
}

export async function selectRollupAge(): Promise<Date | null> {
  return (await selectRollupState(database()))?.rolled_up_at ?? null
}
