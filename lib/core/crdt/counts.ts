import { isJsonObject, type Json } from '../json.ts'
import type { CrdtFault } from './type.ts'

/**
 * How far was counted in each slot. A slot is an id that one run of one app alone counts under, and its number only
 * grows; so each increment has a name of its own (the slot, and the numbers it went through) and is the same increment
 * in whatever state it comes, however often. Two who count in one slot make one name for two increments.
 */
export type Counts = { [slot: string]: number }

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export function countsFault(counts: Json | undefined, pointer: string): CrdtFault | null {
  if (!isJsonObject(counts)) return { pointer, detail: 'must be an object of counts by device' }
  let total = 0
  for (const [slot, count] of Object.entries(counts)) {
    if (!uuid.test(slot)) {
      return { pointer, detail: `has a count of ${JSON.stringify(slot)}, which is no id of who counts` }
    }
    if (!Number.isSafeInteger(count) || Number(count) < 0) {
      return { pointer: `${pointer}/${slot}`, detail: 'must be a whole number from 0 to 2^53 - 1' }
    }
    total += Number(count)
  }
  return Number.isSafeInteger(total) ? null : { pointer, detail: 'add up to more than a number can hold' }
}

/** Without the zeros, which say the same as nothing. */
export function normalCounts(counts: Counts): Counts {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
}

export function joinCounts(a: Counts, b: Counts): Counts {
  const joined = normalCounts(a)
  for (const [slot, count] of Object.entries(b)) {
    if (count > countOf(joined, slot)) joined[slot] = count
  }
  return joined
}

export function total(counts: Counts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}

export function countOf(counts: Counts | undefined, slot: string): number {
  return counts && Object.hasOwn(counts, slot) ? (counts[slot] ?? 0) : 0
}

/** @param by how much more; a whole number, 0 or more */
export function raiseCount(counts: Counts, slot: string, by: number): Counts {
  if (!Number.isSafeInteger(by) || by < 0)
    throw new RangeError(`a count is raised by a whole number, not by ${by}`)
  return by === 0 ? counts : { ...counts, [slot]: countOf(counts, slot) + by }
}

/**
 * A slot of a device: a UUID of version 8, random, whose last two groups are those of the device's id, by which the
 * server tells whose it is.
 * @param random 8 bytes, of which 60 bits are used
 */
export function slotOf(deviceId: string, random: Uint8Array): string {
  const hex = Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}${deviceId.slice(sharedFrom)}`
}

/** Where in a UUID the last two groups begin: 62 bits that differ between devices, however their ids are made. */
const sharedFrom = 18

/** Whether a device may count in a slot. Its own id is one, for devices that count under that. */
function isSlotOf(deviceId: string, slot: string): boolean {
  return slot.slice(sharedFrom) === deviceId.slice(sharedFrom)
}

/**
 * Whether an edit counted on in a slot that somebody else has counted on in since: from the numbers nobody can tell which
 * increments are the same.
 */
export function isContested(
  { before, after, known }: Record<'before' | 'after' | 'known', Counts | undefined>,
  slot: string,
): boolean {
  return Math.min(countOf(after, slot), countOf(known, slot)) > countOf(before, slot)
}

/** Nobody lowers a count, and nobody raises one in another device's slot past what the server knows of it. */
export function countsOverreach(
  { before, after, known }: Record<'before' | 'after' | 'known', Counts | undefined>,
  deviceId: string | null,
  pointer: string,
): CrdtFault | null {
  for (const [slot, count] of Object.entries(before ?? {})) {
    const left = countOf(after, slot)
    if (left < count) {
      return {
        pointer: `${pointer}/${slot}`,
        detail: `lowers a count from ${count} to ${left}: counts only grow`,
      }
    }
  }
  if (deviceId === null) return null
  for (const [slot, count] of Object.entries(after ?? {})) {
    const most = countOf(known, slot)
    if (count > most && !isSlotOf(deviceId, slot)) {
      return {
        pointer: `${pointer}/${slot}`,
        detail: `raises another device's count to ${count}, and the server knows of ${most}`,
      }
    }
  }
  return null
}
