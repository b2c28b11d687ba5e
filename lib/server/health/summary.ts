import { alertThresholds } from '#lib/core/alert-thresholds.ts'
import { healthStates } from '#lib/core/health.ts'
import { errorCodes, type ErrorCode } from '#lib/protocol/errors.ts'
import type { Figure, HealthRange, HealthSummary, RecentFailure, WorstItem } from '#lib/protocol/health.ts'
import { authorise, type Actor } from '../actor.ts'
import { selectRates, selectRollupAge } from './metrics-store.ts'
import {
  countFleet,
  countOpen,
  selectFailures,
  selectFleetRollup,
  selectFleetTrend,
  selectRestore,
  selectSyncTrend,
  selectWorst,
  type FailureRow,
  type FleetRow,
  type WorstRow,
} from './summary-store.ts'
import { healthThresholds } from './thresholds.ts'
import { gridOf, rate, trendsOf } from './trends.ts'

/** Up to this many devices are counted when asked; beyond, the roll-up of at most ten seconds ago is shown. */
const countedDevices = 5_000
/** Many open consoles look at once when something changes; they share one answer. */
const freshMs = 1_000
const hourMs = 3_600_000
const failureLimit = 12

type Known = { atMs: number; summary: Promise<HealthSummary> }
const holder = globalThis as { holdfastSummaries?: Map<HealthRange, Known> }

/** Everything on the Health page, from roll-ups: its cost does not depend on how many syncs or devices there are. */
export async function healthSummary(actor: Actor, { range }: { range: HealthRange }): Promise<HealthSummary> {
  authorise(actor, 'viewer')
  const summaries = (holder.holdfastSummaries ??= new Map())
  const known = summaries.get(range)
  if (known && Date.now() - known.atMs < freshMs) return known.summary
  const summary = summarise(range, new Date())
  summaries.set(range, { atMs: Date.now(), summary })
  summary.catch(() => summaries.delete(range))
  return summary
}

async function summarise(range: HealthRange, now: Date): Promise<HealthSummary> {
  const hourAgo = new Date(now.getTime() - hourMs)
  const grid = gridOf(range, now)
  const [
    fleet,
    fleetThen,
    rates,
    ratesThen,
    fleetTrend,
    syncTrend,
    failures,
    open,
    restored,
    rolledUpAt,
    ...worst
  ] = await Promise.all([
    currentFleet(now),
    selectFleetRollup(hourAgo),
    selectRates(now),
    selectRates(hourAgo),
    selectFleetTrend(grid),
    selectSyncTrend(grid),
    selectFailures(new Date(now.getTime() - 24 * hourMs)),
    countOpen(),
    selectRestore(new Date(now.getTime() - 7 * 24 * hourMs)),
    selectRollupAge(),
    selectWorst('scope', grid, alertThresholds),
    selectWorst('table', grid, alertThresholds),
    selectWorst('app_version', grid, alertThresholds),
  ])
  const [scopes, tables, versions] = worst
  return {
    as_of: now.toISOString(),
    range,
    step_seconds: grid.stepSeconds,
    rolled_up_at: rolledUpAt?.toISOString() ?? null,
    devices: deviceFigures(fleet, fleetThen),
    lag: {
      average_seconds: figure(fleet?.avg_lag_seconds, fleetThen?.avg_lag_seconds),
      p50_seconds: figure(fleet?.p50_lag_seconds, fleetThen?.p50_lag_seconds),
      p95_seconds: figure(fleet?.p95_lag_seconds, fleetThen?.p95_lag_seconds),
      max_seconds: figure(fleet?.max_lag_seconds, fleetThen?.max_lag_seconds),
    },
    failure_rate: figure(rate(rates.failures, rates.attempts), rate(ratesThen.failures, ratesThen.attempts)),
    conflict_rate: figure(rate(rates.conflicts, rates.pushed), rate(ratesThen.conflicts, ratesThen.pushed)),
    syncs_per_minute: figure(rates.attempts / rates.minutes, ratesThen.attempts / ratesThen.minutes),
    queue_depth: {
      total: figure(fleet && pendingOf(fleet), fleetThen && pendingOf(fleetThen)),
      critical: figure(fleet?.pending_critical, fleetThen?.pending_critical),
      normal: figure(fleet?.pending_normal, fleetThen?.pending_normal),
      bulk: figure(fleet?.pending_bulk, fleetThen?.pending_bulk),
    },
    conflicts_open: open.conflicts,
    dead_letters_open: open.dead_letters,
    sagas_stuck: open.sagas_stuck,
    restored: restored && {
      noticed_at: restored.noticed_at.toISOString(),
      lost_until: restored.lost_until?.toISOString() ?? null,
      devices: restored.devices,
    },
    recent_failures: newestOfEach(failures),
    trends: trendsOf(grid, fleetTrend, syncTrend),
    worst: {
      scopes: scopes.map(worstItem),
      tables: tables.map(worstItem),
      app_versions: versions.map(worstItem),
    },
  }
}

async function currentFleet(now: Date): Promise<FleetRow | null> {
  const rolledUp = await selectFleetRollup(now)
  const isLarge =
    rolledUp !== null && healthStates.reduce((sum, state) => sum + rolledUp[state], 0) > countedDevices
  return isLarge ? rolledUp : countFleet(now, await healthThresholds())
}

function deviceFigures(fleet: FleetRow | null, then: FleetRow | null): HealthSummary['devices'] {
  const expected = fleet ? fleet.healthy + fleet.warning + fleet.critical + fleet.unknown : 0
  const states = healthStates.map((state) => {
    const shared = state !== 'paused' && state !== 'revoked' && fleet
    return [
      state,
      { ...figure(fleet?.[state], then?.[state]), share: shared ? rate(fleet[state], expected) : null },
    ]
  })
  return {
    total: fleet ? healthStates.reduce((sum, state) => sum + fleet[state], 0) : 0,
    active: figure(fleet?.active, then?.active),
    syncing: figure(fleet?.syncing, then?.syncing),
    skewed: figure(fleet?.skewed, then?.skewed),
    states: Object.fromEntries(states) as HealthSummary['devices']['states'],
  }
}

function figure(now: number | null | undefined, hourAgo: number | null | undefined): Figure {
  return { now: now ?? null, hour_ago: hourAgo ?? null }
}

function pendingOf(fleet: FleetRow): number {
  return fleet.pending_critical + fleet.pending_normal + fleet.pending_bulk
}

/** One line for each device and fault: a device that retries every second must not hide the others. */
function newestOfEach(failures: FailureRow[]): RecentFailure[] {
  const lines = new Map<string, RecentFailure>()
  for (const { at, ...failure } of failures) {
    const key = `${failure.kind} ${failure.device_id} ${failure.code}`
    const line = lines.get(key)
    if (line) line.count++
    else
      lines.set(key, {
        ...failure,
        at: at.toISOString(),
        detail: failure.detail || titleOf(failure.code),
        count: 1,
      })
  }
  return [...lines.values()].slice(0, failureLimit)
}

function titleOf(code: string): string {
  return Object.hasOwn(errorCodes, code) ? errorCodes[code as ErrorCode].title : ''
}

function worstItem(row: WorstRow): WorstItem {
  return {
    ...row,
    failure_rate: rate(row.failures, row.attempts),
    conflict_rate: rate(row.conflicts, row.pushed),
  }
}
