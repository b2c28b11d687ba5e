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

/** A counter that goes both ways: what was added and what was taken away are counted apart, and both only grow. */
export type PnCounter = { $crdt: 'pn-counter'; inc: Counts; dec: Counts }

export const emptyPnCounter: PnCounter = { $crdt: 'pn-counter', inc: {}, dec: {} }

export const pnCounter: CrdtType<PnCounter> = {
  fault: (value) =>
    memberFault(value, ['inc', 'dec']) ??
    countsFault(value['inc'], '/inc') ??
    countsFault(value['dec'], '/dec'),
  normal: ({ $crdt, inc, dec }) => ({ $crdt, inc: normalCounts(inc), dec: normalCounts(dec) }),
  merge: (a, b) => ({ $crdt: 'pn-counter', inc: joinCounts(a.inc, b.inc), dec: joinCounts(a.dec, b.dec) }),
  value: ({ inc, dec }) => total(inc) - total(dec),
  overreach: ({ before, after, known, deviceId }) =>
    countsOverreach({ before: before?.inc, after: after.inc, known: known?.inc }, deviceId, '/inc') ??
    countsOverreach({ before: before?.dec, after: after.dec, known: known?.dec }, deviceId, '/dec'),
  isContested: ({ before, after, known, deviceId }) =>
    isContested({ before: before?.inc, after: after.inc, known: known?.inc }, deviceId) ||
    isContested({ before: before?.dec, after: after.dec, known: known?.dec }, deviceId),
}

/**
 * The counter after somebody added `by`, or took it away where negative.
 * @param slot nobody else has ever counted in it; see `slotOf`
 * @throws RangeError where `by` is no whole number
 */
export function incrementPnCounter(counter: PnCounter, slot: string, by = 1): PnCounter {
  const { inc, dec } = counter
  return by < 0
    ? { $crdt: 'pn-counter', inc, dec: raiseCount(dec, slot, -by) }
    : { $crdt: 'pn-counter', inc: raiseCount(inc, slot, by), dec }
}
