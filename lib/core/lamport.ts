/**
 * A Lamport clock: numbers the events of a process so that what could have caused another has the lower number, whatever
 * the wall clocks say. Messages carry it.
 * @see Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System", CACM 21(7), 1978
 */
export type LamportClock = {
  /** The number of the next event here, a message that is sent included. */
  tick: () => number
  /** A message came that carried `theirs`: everything here is after it. */
  receive: (theirs: number) => void
}

/** So that a number stays exact whatever a device sends. */
export const maxLamport = Number.MAX_SAFE_INTEGER - 1_000_000

export function lamportClock(): LamportClock {
  let last = 0
  return {
    tick: () => ++last,
    receive(theirs) {
      last = Math.max(last, Math.min(theirs, maxLamport))
    },
  }
}
