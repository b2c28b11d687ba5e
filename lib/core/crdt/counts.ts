import { isJsonObject, type Json } from '../json.ts'
import type { CrdtFault } from './type.ts'

/** How often each device counted: it alone raises its own number, and nobody lowers one. */
export type Counts = { [deviceId: string]: number }

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export function countsFault(counts: Json | undefined, pointer: string): CrdtFault | null {
  if (!isJsonObject(counts)) return { pointer, detail: 'must be an object of counts by device' }
  let total = 0
  for (const [device, count] of Object.entries(counts)) {
    if (!uuid.test(device)) {
      return { pointer, detail: `has a count of ${JSON.stringify(device)}, which is no device id` }
    }
    if (!Number.isSafeInteger(count) || Number(count) < 0) {
      return { pointer: `${pointer}/${device}`, detail: 'must be a whole number from 0 to 2^53 - 1' }
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
  for (const [device, count] of Object.entries(b)) {
    if (count > countOf(joined, device)) joined[device] = count
  }
  return joined
}

export function total(counts: Counts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}

export function countOf(counts: Counts | undefined, device: string): number {
  return counts && Object.hasOwn(counts, device) ? (counts[device] ?? 0) : 0
}

/** @param by how much more; a whole number, 0 or more */
export function raiseCount(counts: Counts, device: string, by: number): Counts {
  if (!Number.isSafeInteger(by) || by < 0)
    throw new RangeError(`a count is raised by a whole number, not by ${by}`)
  return { ...counts, [device]: countOf(counts, device) + by }
}

/** Nobody lowers a count, and nobody raises another device's past what the server knows of it. */
export function countsOverreach(
  { before, after, known }: Record<'before' | 'after' | 'known', Counts | undefined>,
  deviceId: string | null,
  pointer: string,
): CrdtFault | null {
  for (const [device, count] of Object.entries(before ?? {})) {
    const left = countOf(after, device)
    if (left < count) {
      return {
        pointer: `${pointer}/${device}`,
        detail: `lowers a count from ${count} to ${left}: counts only grow`,
      }
    }
  }
  if (deviceId === null) return null
  for (const [device, count] of Object.entries(after ?? {})) {
    const most = countOf(known, device)
    if (device !== deviceId && count > most) {
      return {
        pointer: `${pointer}/${device}`,
        detail: `raises another device's count to ${count}, and the server knows of ${most}`,
      }
    }
  }
  return null
}
