import { countOf, slotOf } from '#lib/core/crdt/counts.ts'
import { incrementGCounter, type GCounter } from '#lib/core/crdt/g-counter.ts'
import { incrementPnCounter, type PnCounter } from '#lib/core/crdt/pn-counter.ts'
import type { Random } from './ports.ts'

/** As many counters as one run is likely to count in; for others a new slot is drawn. Under 2 MB. */
const REMEMBERED = 10_000

type Counter = GCounter | PnCounter

/**
 * Counts, so that no two increments ever have one name. A slot is drawn at random, kept in memory alone, and used again
 * only where the counter still holds all that was counted in it: a copy of the device, or one put back from a backup, or
 * an edit begun anew after a refusal, counts in another.
 */
export interface Counters {
  /**
   * @param place names the counter on this device
   * @throws RangeError where the counter cannot count by that
   */
  count(deviceId: string, place: string, counter: Counter, by: number): Counter
}

export function createCounters(random: Random): Counters {
  const lately = new Map<string, { slot: string; counted: Counted }>()
  return {
    count(deviceId, place, counter, by) {
      const known = lately.get(place)
      const isWhole = known && isSame(countedIn(counter, known.slot), known.counted)
      const slot = isWhole ? known.slot : slotOf(deviceId, random.bytes(8))
      const counted =
        counter.$crdt === 'g-counter'
          ? incrementGCounter(counter, slot, by)
          : incrementPnCounter(counter, slot, by)
      lately.delete(place)
      lately.set(place, { slot, counted: countedIn(counted, slot) })
      const oldest = lately.keys().next()
      if (lately.size > REMEMBERED && !oldest.done) lately.delete(oldest.value)
      return counted
    },
  }
}

/** How far a slot has counted up, and down. */
type Counted = readonly [number, number]

function countedIn(counter: Counter, slot: string): Counted {
  return counter.$crdt === 'g-counter'
    ? [countOf(counter.counts, slot), 0]
    : [countOf(counter.inc, slot), countOf(counter.dec, slot)]
}

function isSame(a: Counted, b: Counted): boolean {
  return a[0] === b[0] && a[1] === b[1]
}
