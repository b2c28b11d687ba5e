import { happenings, planOf, type Narrowing } from '../simulation/plan.ts'
import type { Outcome } from '../simulation/simulate.ts'
import type { SimThread } from './pool.ts'

/**
 * Takes away whatever a failure does not need: kinds of trouble, devices, servers, time. What is left fails in the same
 * way; it need not be the least there is.
 */
export async function shrink(
  thread: SimThread,
  seed: string,
  failed: Outcome,
): Promise<{ narrowing: Narrowing; outcome: Outcome; runs: number }> {
  const invariant = failed.violation?.invariant
  let best: Narrowing = { safetyMs: Math.min(failed.plan.safetyMs, Math.ceil(failed.virtualMs)) }
  let outcome = failed
  let runs = 0
  const tryOut = async (narrowing: Narrowing) => {
    runs++
    const done = await thread.run(seed, narrowing)
    if (!done.outcome || done.outcome.violation?.invariant !== invariant) return
    best = narrowing
    outcome = done.outcome
  }
  await tryOut(best)
  for (const name of happenings) {
    if (planOf(seed).rates[name] === undefined) continue
    await tryOut({ ...best, without: [...(best.without ?? []), name] })
  }
  for (const devices of [1, 2, 3]) {
    if (devices < (best.devices ?? failed.plan.devices)) await tryOut({ ...best, devices })
  }
  if (failed.plan.servers > 1) await tryOut({ ...best, servers: 1 })
  for (let cut = 0; cut < 4; cut++) {
    const { safetyMs = failed.plan.safetyMs } = best
    await tryOut({ ...best, safetyMs: Math.round(safetyMs * 0.7) })
  }
  return { narrowing: best, outcome, runs }
}
