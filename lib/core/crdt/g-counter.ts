import {
  countsFault,
  countsOverreach,
  isContested,
  joinCounts,
  normalCounts,
  raiseCount,
  total,
  type Counts,
} from './counts.ts'
import { memberFault, type CrdtType } from './type.ts'

/** A counter that only grows: how far each slot has counted, and their sum. */
export type GCounter = { $crdt: 'g-counter'; counts: Counts }

export const emptyGCounter: GCounter = { $crdt: 'g-counter', counts: {} }

export const gCounter: CrdtType<GCounter> = {
  fault: (value) => memberFault(value, ['counts']) ?? countsFault(value['counts'], '/counts'),
  normal: ({ $crdt, counts }) => ({ $crdt, counts: normalCounts(counts) }),
  merge: (a, b) => ({ $crdt: 'g-counter', counts: joinCounts(a.counts, b.counts) }),
  value: ({ counts }) => total(counts),
  overreach: ({ before, after, known, deviceId }) =>
    countsOverreach(
      { before: before?.counts, after: after.counts, known: known?.counts },
      deviceId,
      '/counts',
    ),
  isContested: ({ before, after, known, deviceId }) =>
    isContested({ before: before?.counts, after: after.counts, known: known?.counts }, deviceId),
}

/**
 * The counter after somebody counted.
 * @param slot nobody else has ever counted in it; see `slotOf`
 * @throws RangeError where `by` is negative or no whole number
 */
export function incrementGCounter(counter: GCounter, slot: string, by = 1): GCounter {
  return { $crdt: 'g-counter', counts: raiseCount(counter.counts, slot, by) }
}
