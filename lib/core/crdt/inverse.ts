import { stampAfter } from '../hlc.ts'
import { jsonEqual, type JsonObject } from '../json.ts'
import { mergeText } from '../text/merge.ts'
import { raiseCount, total, type Counts } from './counts.ts'
import { elementKey, elementOf } from './element.ts'
import type { LwwRegister } from './lww-register.ts'
import { addToOrSet, orSet, type OrSet } from './or-set.ts'
import type { PnCounter } from './pn-counter.ts'
import { editText, splicesOf, textOf, type TextState } from './text.ts'
import { crdtFault, crdtTypeOf } from './types.ts'

/** In whose name something is taken back: an id that has never tagged or written anything, a slot that nobody ever counted in, and a stamp. */
export type Inverter = { id: string; slot: string; hlc: string }

/**
 * Takes back what a change made of a CRDT: states only grow, so by an addition of its own that says the opposite, made
 * to the state as it is now. Others' contributions stay.
 * @param before undefined where the change made the state
 * @returns null where the type has no opposite (what only grows), or a state is malformed
 */
export function inverseCrdt(
  before: JsonObject | undefined,
  after: JsonObject,
  current: JsonObject,
  by: Inverter,
): JsonObject | null {
  if (before && jsonEqual(before, after)) return current
  const states = before ? [before, after, current] : [after, current]
  const name = crdtTypeOf(after)
  if (name === null || states.some((state) => crdtTypeOf(state) !== name || crdtFault(state) !== null))
    return null
  switch (name) {
    case 'g-counter':
    case 'g-set':
      return null
    case 'pn-counter':
      return inversePnCounter(before as PnCounter | undefined, after as PnCounter, current as PnCounter, by)
    case 'or-set':
      return inverseOrSet(before as OrSet | undefined, after as OrSet, current as OrSet, by)
    case 'lww-register':
      return inverseRegister(
        before as LwwRegister | undefined,
        after as LwwRegister,
        current as LwwRegister,
        by,
      )
    case 'text':
      return inverseText(before as TextState | undefined, after as TextState, current as TextState, by)
  }
}

function inversePnCounter(
  before: PnCounter | undefined,
  after: PnCounter,
  current: PnCounter,
  { slot }: Inverter,
): PnCounter {
  const grown = (now: Counts, then: Counts | undefined) => total(now) - total(then ?? {})
  const [added, taken] = [grown(after.inc, before?.inc), grown(after.dec, before?.dec)]
  return {
    $crdt: 'pn-counter',
    inc: taken > 0 ? raiseCount(current.inc, slot, taken) : current.inc,
    dec: added > 0 ? raiseCount(current.dec, slot, added) : current.dec,
  }
}

function inverseOrSet(before: OrSet | undefined, after: OrSet, current: OrSet, { id }: Inverter): OrSet {
  const known = new Set([...Object.values(before?.entries ?? {}).flat(), ...(before?.removed ?? [])])
  const added = Object.values(after.entries).flatMap((tags) => tags.filter((tag) => !known.has(tag)))
  const without = orSet.merge(current, { $crdt: 'or-set', entries: {}, removed: added })
  const isRemoved = new Set(after.removed)
  const removed = Object.entries(before?.entries ?? {}).flatMap(([element, tags]) =>
    tags.every((tag) => isRemoved.has(tag)) ? [element] : [],
  )
  return removed.reduce((set, element, index) => {
    const value = elementOf(element)
    return value === undefined || Object.hasOwn(set.entries, elementKey(value))
      ? set
      : addToOrSet(set, value, `${id}-${index}`)
  }, without)
}

/** Who set it since has taken the change's value away already. */
function inverseRegister(
  before: LwwRegister | undefined,
  after: LwwRegister,
  current: LwwRegister,
  { hlc }: Inverter,
): LwwRegister | null {
  if (current.hlc !== after.hlc) return current
  if (!before) return null
  return { $crdt: 'lww-register', value: before.value, hlc: stampAfter(hlc, current.hlc) }
}

function inverseText(
  before: TextState | undefined,
  after: TextState,
  current: TextState,
  { id }: Inverter,
): TextState {
  const texts = { base: textOf(after), ours: before ? textOf(before) : '', theirs: textOf(current) }
  const { applied } = mergeText(texts, undefined, null)
  // Yjs wants a number below 2^32 that nobody else writes under.
  return editText(current, parseInt(id.slice(-8), 16), splicesOf(applied))
}
