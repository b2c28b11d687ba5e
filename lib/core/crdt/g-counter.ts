import {
  countsFault,
  countsOverreach,
  joinCounts,
  normalCounts,
  raiseCount,
  total,
  type Counts,
} from './counts.ts'
import { memberFault, type CrdtType } from './type.ts'

/** A counter that only grows: each device's number, and their sum. */
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
}

/** The counter after a device counted. @throws RangeError where `by` is negative or no whole number */
export function incrementGCounter(counter: GCounter, deviceId: string, by = 1): GCounter {
  return { $crdt: 'g-counter', counts: raiseCount(counter.counts, deviceId, by) }
}
