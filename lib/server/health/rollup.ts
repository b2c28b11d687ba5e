import { logger } from '#lib/telemetry/log.ts'
import { notifyChanged } from '../stream/notify.ts'
import {
  foldFleet,
  foldHours,
  foldMinutes,
  oldestSession,
  selectDifferingMinutes,
  selectLagDistribution,
  selectRollupState,
  setRollupState,
  withRollupLock,
} from './rollup-store.ts'
import { healthThresholds } from './thresholds.ts'

/** A session may be written this long after its request began; until then its minute is folded again and again. */
const settleMs = 2 * 60_000
/** Before the first roll-up, history is folded this far back. */
const horizonMs = 7 * 24 * 3_600_000
/** One statement folds at most this much, and one roll-up for at most this long: catching up takes several. */
const chunkMs = 10 * 60_000
const budgetMs = 10_000
/** How far back minutes are compared with the sessions they were made from. */
const checkedMs = 2 * 3_600_000

const minuteMs = 60_000
const hourMs = 3_600_000
const floorTo = (ms: number, step: number) => ms - (ms % step)

/**
 * Folds sessions into roll-ups of a minute and an hour, and the fleet's state into the row of this minute.
 *
 * Every minute since the watermark is made anew from its sessions and replaces what was there, so running twice, or
 * dying in the middle, changes nothing. The watermark moves only over minutes that are settled.
 * @returns whether this process did it; another one may be at it
 */
export async function rollUp(now: Date = new Date()): Promise<boolean> {
  const limits = await healthThresholds()
  const done = await withRollupLock(async (tx) => {
    const began = performance.now()
    const from = (await selectRollupState(tx))?.folded_until.getTime() ?? (await firstMinute(tx, now))
    let folded = from
    while (folded <= now.getTime() && performance.now() - began < budgetMs) {
      await foldMinutes(tx, new Date(folded), new Date(folded + chunkMs))
      folded += chunkMs
    }
    await foldHours(tx, new Date(floorTo(from, hourMs)), new Date(folded))
    await foldFleet(tx, now, new Date(floorTo(now.getTime(), minuteMs)), limits)
    const settled = floorTo(now.getTime() - settleMs, minuteMs)
    await setRollupState(tx, {
      folded_until: new Date(Math.max(from, Math.min(folded, settled))),
      rolled_up_at: now,
      lag: await selectLagDistribution(tx, now),
    })
  })
  if (done) notifyChanged({ kinds: ['fleet'] })
  return done
}

/**
 * Finds minutes whose sessions are not all in the roll-up (one was written after its minute had settled) and folds
 * them again.
 * @returns how many
 */
export async function repairRollups(now: Date = new Date()): Promise<number> {
  let repaired = 0
  await withRollupLock(async (tx) => {
    const minutes = await selectDifferingMinutes(tx, new Date(now.getTime() - checkedMs), now)
    for (const minute of minutes) {
      await foldMinutes(tx, minute, new Date(minute.getTime() + minuteMs))
      const hour = new Date(floorTo(minute.getTime(), hourMs))
      await foldHours(tx, hour, new Date(hour.getTime() + hourMs - 1))
    }
    repaired = minutes.length
  })
  if (repaired > 0) logger.info({ event: 'rollup.repaired', minutes: repaired }, 'roll-ups repaired')
  return repaired
}

async function firstMinute(tx: Parameters<typeof oldestSession>[0], now: Date): Promise<number> {
  const oldest = await oldestSession(tx, new Date(now.getTime() - horizonMs))
  return floorTo(oldest?.getTime() ?? now.getTime(), minuteMs)
}
