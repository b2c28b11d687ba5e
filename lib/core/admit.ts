import { parseHlc } from './hlc.ts'
import type { Refusal } from './decide.ts'

/** How far ahead of the server a device's clock may be. */
export const maxSkewMs = 5 * 60_000

/**
 * Whether a well-formed change may be decided at all: its table is known, its scopes are granted, it arrived whole and
 * its clock is believable. Damage comes before rules, so that a change that was corrupted on its way is sent again
 * instead of being dead-lettered for what the damage made of it.
 */
export function admit(
  change: { table: string; scope: string; from_scope?: string | undefined; hlc: string; checksum: string },
  context: {
    knownTable: boolean
    granted: (scope: string) => boolean
    /** Checksum of the data as it was received. */
    checksum: string
    nowMillis: number
  },
): Refusal<'unknown_table' | 'scope_forbidden' | 'checksum_mismatch' | 'clock_skew'> | null {
  if (!context.knownTable) {
    return { code: 'unknown_table', detail: `There is no table "${change.table}" on this server.` }
  }
  for (const scope of [change.scope, change.from_scope]) {
    if (scope !== undefined && !context.granted(scope)) {
      return { code: 'scope_forbidden', detail: `This device has no grant for scope "${scope}".` }
    }
  }
  if (context.checksum !== change.checksum) {
    return {
      code: 'checksum_mismatch',
      detail: 'The data is not what the checksum was made of: it was damaged on its way. Send it again.',
    }
  }
  const ahead = (parseHlc(change.hlc)?.millis ?? 0) - context.nowMillis
  if (ahead > maxSkewMs) {
    return {
      code: 'clock_skew',
      detail: `The clock is ${Math.round(ahead / 1000)} s ahead of the server. Correct it, restamp and send again.`,
    }
  }
  return null
}
