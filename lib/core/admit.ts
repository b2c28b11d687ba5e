import { parseHlc } from './hlc.ts'
import type { Refusal } from './decide.ts'

/** How far ahead of the server a device's clock may be. */
export const maxSkewMs = 5 * 60_000

/**
 * Whether a change arrived whole. It comes before all that may refuse a change for good: what was corrupted on its way is
 * sent again, instead of being kept as a dead letter that somebody would replay.
 * @param received checksum of the data as it was received
 */
export function damage(sent: string, received: string): Refusal<'checksum_mismatch'> | null {
  if (sent === received) return null
  return {
    code: 'checksum_mismatch',
    detail: 'The data is not what the checksum was made of: it was damaged on its way. Send it again.',
  }
}

/**
 * Whether a well-formed change may be decided at all: its table is known, its scopes are granted, and its clock is
 * believable.
 */
export function admit(
  change: { table: string; scope: string; from_scope?: string | undefined; hlc: string },
  context: { knownTable: boolean; granted: (scope: string) => boolean; nowMillis: number },
): Refusal<'unknown_table' | 'scope_forbidden' | 'clock_skew'> | null {
  if (!context.knownTable) {
    return { code: 'unknown_table', detail: `There is no table "${change.table}" on this server.` }
  }
  for (const scope of [change.scope, change.from_scope]) {
    if (scope !== undefined && !context.granted(scope)) {
      return { code: 'scope_forbidden', detail: `This device has no grant for scope "${scope}".` }
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
