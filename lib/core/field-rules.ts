import { joinStates } from './crdt/places.ts'
import { formatPath, type FieldRule, type Join, type Path } from './merge.ts'
import { fieldPolicy, type TablePolicy } from './policy.ts'
import { isTextField } from './text/fields.ts'

/**
 * How a place merges under a policy: what overrides it, else what the table says.
 * @param joinText joins two texts; a rule without it takes them as values
 */
export function fieldRule(policy: TablePolicy, path: Path, joinText?: Join): FieldRule {
  const text = formatPath(path)
  const override = fieldPolicy(policy, text)
  const shape = policy.sets.includes(text) ? 'set' : 'nested'
  const tiebreak = override?.tiebreak ?? policy.tiebreak
  switch (override?.strategy) {
    case undefined:
      if (policy.strategy === 'crdt') return { shape, tiebreak, join: joinStates }
      return isTextField(policy, text) && joinText ? { shape, tiebreak, join: joinText } : { shape, tiebreak }
    case 'merge':
      return { shape, tiebreak }
    case 'ot':
      return joinText ? { shape, tiebreak, join: joinText } : { shape, tiebreak }
    case 'crdt':
      return { shape: 'whole', tiebreak, join: joinStates }
    // The field is one value, and its strategy is the tiebreak of that value.
    case 'lww':
      return { shape: 'whole', tiebreak: 'lww' }
    case 'fww':
      return { shape: 'whole', tiebreak: 'server' }
    case 'manual':
      return { shape: 'whole', tiebreak: 'manual' }
  }
}
