import { formatPath, type FieldRule, type Path } from './merge.ts'
import { fieldPolicy, type TablePolicy } from './policy.ts'

/** How a place merges under a policy: what overrides it, else what the table says. */
export function fieldRule(policy: TablePolicy, path: Path): FieldRule {
  const text = formatPath(path)
  const override = fieldPolicy(policy, text)
  const shape = policy.sets.includes(text) ? 'set' : 'nested'
  const tiebreak = override?.tiebreak ?? policy.tiebreak
  switch (override?.strategy) {
    case undefined:
    case 'merge':
      return { shape, tiebreak }
    // The field is one value, and its strategy is the tiebreak of that value.
    case 'lww':
      return { shape: 'whole', tiebreak: 'lww' }
    case 'fww':
      return { shape: 'whole', tiebreak: 'server' }
    case 'manual':
      return { shape: 'whole', tiebreak: 'manual' }
  }
}
