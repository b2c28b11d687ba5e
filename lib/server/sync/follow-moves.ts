import { keyOfChange } from './batch.ts'
import type { ReadChange } from './read-changes.ts'
import { keyOf } from './record-states.ts'
import type { Loaded } from './store.ts'

/**
 * The changes of a batch, those of records that moved to another scope since directed to where they are now: a device
 * that was away made its edit in the old scope.
 * @returns null where none moved
 */
export function followMoves(changes: readonly ReadChange[], loaded: Loaded): ReadChange[] | null {
  const moved = new Map(
    (loaded.records ?? []).flatMap((record) =>
      record.moved_to ? [[keyOf(record), record.moved_to] as const] : [],
    ),
  )
  if (moved.size === 0) return null
  let isAnyDirected = false
  const directed = changes.map((read): ReadChange => {
    if (!read.change) return read
    const { scope: madeIn, ...key } = keyOfChange(read.change)
    const target = moved.get(keyOf({ ...key, scope: madeIn }))
    if (target === undefined) return read
    isAnyDirected = true
    const moves = read.change.scope !== madeIn
    return {
      ...read,
      change: {
        ...read.change,
        ...(moves ? { from_scope: target } : { scope: target, from_scope: undefined }),
      },
      madeIn: read.madeIn ?? madeIn,
      sent: read.sent ?? read.change,
    }
  })
  return isAnyDirected ? directed : null
}
