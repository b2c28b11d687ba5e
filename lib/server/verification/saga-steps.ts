import type { Json } from '#lib/core/json.ts'
import type { Change } from '#lib/protocol/sync.ts'
import { readChanges } from '../sync/read-changes.ts'
import type { Finding } from './finding.ts'
import { isHashOf } from './payload-again.ts'
import { selectSagaSteps, type StoredStep } from './saga-steps-store.ts'
import type { Ask } from './store.ts'

const nil = '00000000-0000-0000-0000-000000000000'

/** Verifies that what a step of a saga keeps of its change is what it says of it, and what was answered. */
export async function* verifySteps(ask: Ask): AsyncGenerator<Finding> {
  let after = { saga: nil, step: 0 }
  for (;;) {
    const steps = await selectSagaSteps(ask, after)
    const last = steps.at(-1)
    if (!last) return
    for (const step of steps) {
      const detail = faultOf(step)
      if (detail) yield { check: 'sagas', id: step.saga_id, ordinal: step.step, detail }
    }
    after = { saga: last.saga_id, step: last.step }
  }
}

function faultOf(step: StoredStep): string | null {
  let raw: Json
  try {
    raw = JSON.parse(step.change) as Json
  } catch {
    return 'its change cannot be read'
  }
  const { hash, table } = step
  if (hash !== null && !isHashOf(raw, { hash, table })) return 'its change is not the one that was answered'
  const [read] = readChanges([raw])
  if (!read) return null
  const { change } = read
  // What nobody could read is in its dead letter, word for word.
  if (!change) return null
  if (read.damaged && step.state === 'applied') return 'its change is not that of its checksum'
  const { saga } = change
  const told = [change.op_id, change.record_id, change.table, change.operation]
  const kept = [step.op_id, step.record_id, step.table, step.operation]
  const isSame = told.every((value, index) => value === kept[index]) && isItsPlace(step, change)
  const isOfSaga = saga?.id === step.saga_id && saga.step === step.step && saga.steps === step.steps
  return isSame && isOfSaga && (step.seq === null || step.seq === change.seq)
    ? null
    : 'it is not the step that its change says'
}

/** Whether a step is where its change says, or where the record had gone that it was made on. */
function isItsPlace(step: StoredStep, { scope, from_scope }: Change): boolean {
  const from = from_scope ?? null
  // What lost, or changed nothing, moved nothing.
  const isUnmade = step.outcome === 'superseded' || step.outcome === 'no_change'
  const place = (isUnmade ? step.from_scope : null) ?? step.scope
  if (step.state === 'applied' && step.answered_in !== null && step.answered_in !== place) return false
  if (step.scope === scope && step.from_scope === from) return true
  const isMove = from !== null && from !== scope
  const wentOn = isMove ? step.scope === scope && step.from_scope !== null : step.from_scope === null
  return wentOn && step.left_scopes.includes(from ?? scope)
}
