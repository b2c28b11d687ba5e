import { decide, type Base, type Decision, type DecisionContext } from '../decide.ts'
import type { JsonObject } from '../json.ts'
import { defaultPolicy, type Strategy, type TablePolicy } from '../policy.ts'
import { stampAt } from './records.ts'

/** The server's record was written at `serversTime`, by device b. */
export const earlier = stampAt(1)
export const serversTime = stampAt(2)
export const later = stampAt(3)

export const anythingGoes: DecisionContext<'business_rule'> = { validate: () => null }

export function policyOf(strategy: Strategy, more: Partial<TablePolicy> = {}): TablePolicy {
  return { ...defaultPolicy('things', strategy), ...more }
}

/** Two states made of one base; null is deleted, and a base of undefined cannot be read any more. */
export type Sides = {
  base: Base['data']
  ours: JsonObject | null
  theirs: JsonObject | null
  hlc?: string
}

/** Device a's edit of version 5 against the server's version 6. */
export function decideSides(
  { base, ours, theirs, hlc = later }: Sides,
  policy: TablePolicy,
  context = anythingGoes,
): Decision {
  return decide(
    { operation: ours ? 'UPDATE' : 'DELETE', data: ours, hlc, deviceId: 'a' },
    { data: base, standsOn: 5 },
    { version: 6, data: theirs, hlc: serversTime, deviceId: 'b' },
    policy,
    context,
  )
}
