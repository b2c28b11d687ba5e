import { findRedos } from './redo.ts'
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
  const redos = await findRedos(steps)
  return 'why' in redos ? `Step ${redos.step} ${redos.why}. Make the changes anew.` : null
}
