import type { RecordVersion } from '#lib/protocol/console.ts'

const deeds = { CREATE: 'created', UPDATE: 'updated', DELETE: 'deleted' } as const
const edits = { CREATE: 'creation', UPDATE: 'update', DELETE: 'deletion' } as const

/** What an operation came to, up to who made it: `updated by`, `update in conflict, by`. */
export function deedWords({ operation, effect, outcome }: RecordVersion): string {
  const edit = edits[operation]
  switch (outcome) {
    case 'applied':
      return effect === 'LEAVE' ? 'moved to another scope by' : `${deeds[operation]} by`
    case 'merged':
      return `${deeds[operation]}, merged with what others wrote, by`
    case 'superseded':
      return `${edit} that gave way, by`
    case 'no_change':
      return `${edit} that changed nothing, by`
    case 'conflict':
      return `${edit} in conflict, by`
    case 'stale_version':
      return `${edit} that came second, by`
    default:
      return `${edit}: ${outcome.replaceAll('_', ' ')}, by`
  }
}

/** The rule that decided, in a word or two; null where it does not say. */
export function ruleWords({ rule }: Pick<RecordVersion, 'rule'>): string | null {
  const strategy = rule['strategy']
  if (typeof strategy !== 'string') return null
  return isUndoing({ rule }) ? 'saga undone' : strategy
}

/** Whether the server took back the step of a saga. */
export function isUndoing({ rule }: Pick<RecordVersion, 'rule'>): boolean {
  return rule['strategy'] === 'saga_compensation'
}
