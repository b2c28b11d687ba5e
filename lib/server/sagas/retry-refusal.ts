import { crdtPlaces } from '#lib/core/crdt/places.ts'
import type { JsonObject } from '#lib/core/json.ts'
import { database } from '../db.ts'
import { loadPolicies } from '../tables/policy-cache.ts'
import type { StepRow, WholeSaga } from './store.ts'

/** Why a saga cannot be sent again as a whole; null where it can. */
export async function retryRefusal(saga: WholeSaga, steps: readonly StepRow[]): Promise<string | null> {
  if (saga.retried_as !== null)
    return 'It was retried already. What became of it is told by the saga it went on as.'
  if (saga.state !== 'compensated') {
    return saga.state === 'completed'
      ? 'It is complete: there is nothing to retry.'
      : 'It can be retried once it is undone.'
  }
  const arrived = new Set(steps.map(({ step }) => step))
  const absent = Array.from({ length: saga.steps }, (_, index) => index + 1).find(
    (step) => !arrived.has(step),
  )
  if (absent !== undefined) return `Step ${absent} never arrived: there is no whole to retry.`
  const alone = steps.find(({ letter_state: letter }) => letter === 'replayed')
  if (alone) return `Step ${alone.step} was replayed on its own: the whole would do it twice.`
  const counted = await firstWithCrdt(steps)
  if (counted) {
    return (
      `Step ${counted.step} holds a CRDT, whose states only grow: what was taken back of it cannot be sent again. ` +
      'Make the changes anew.'
    )
  }
  return null
}

async function firstWithCrdt(steps: readonly StepRow[]): Promise<StepRow | undefined> {
  const undone = steps.filter(({ undo }) => undo === 'restored' || undo === 'merged')
  const tables = [...new Set(undone.flatMap(({ table }) => table ?? []))]
  if (tables.length === 0) return undefined
  const policies = await loadPolicies(database(), tables)
  return undone.find(({ table, change }) => {
    const policy = policies.get(table ?? '')
    const data = policy && (JSON.parse(change) as { data?: JsonObject | null }).data
    return data && crdtPlaces(policy, data).length > 0
  })
}
