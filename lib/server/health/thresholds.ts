import { z } from 'zod'
import { defaultHealthThresholds, type HealthThresholds } from '#lib/core/health.ts'
import { selectSetting } from './store.ts'

const positive = z.number().positive().optional()
const settingSchema = z.object({
  lagWarningSeconds: positive,
  lagCriticalSeconds: positive,
  pendingWarning: positive,
  skewWarningMs: positive,
  conflictWarningSeconds: positive,
  activeSeconds: positive,
  syncingSeconds: positive,
})

/** Name of the setting that overrides defaults. */
export const healthSetting = 'health'

const freshMs = 10_000
const holder = globalThis as { holdfastThresholds?: { readAtMs: number; limits: HealthThresholds } }

/** The thresholds in force; a change of the setting is seen within ten seconds. What is not set is the default. */
export async function healthThresholds(): Promise<HealthThresholds> {
  const known = holder.holdfastThresholds
  if (known && Date.now() - known.readAtMs < freshMs) return known.limits
  const setting = settingSchema.safeParse((await selectSetting(healthSetting)) ?? {})
  const set = setting.success ? Object.entries(setting.data).filter(([, value]) => value !== undefined) : []
  const limits: HealthThresholds = { ...defaultHealthThresholds, ...Object.fromEntries(set) }
  holder.holdfastThresholds = { readAtMs: Date.now(), limits }
  return limits
}
