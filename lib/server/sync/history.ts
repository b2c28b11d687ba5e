import type { ResyncReason } from '#lib/protocol/sync.ts'
import type { Standing } from './feed-page.ts'
import { chainPrefix, type SyncToken } from './token.ts'

/** Why a delta on a token would not be the truth, and where that shows. */
export type Misfit = { reason: ResyncReason; scope: string; seq: number; head: number }

/**
 * Holds a token against the feed as it stands.
 * @param first there was no token: the device reads from the start
 */
export function findMisfit(standing: readonly Standing[], token: SyncToken, first: boolean): Misfit | null {
  for (const { scope, seq, head, min_seq, chain } of standing) {
    const misfit = (reason: ResyncReason) => ({ reason, scope, seq, head })
    if (seq > head) return misfit('token_ahead')
    if (seq < min_seq) {
      return misfit(first ? 'first_sync' : token.positions.has(scope) ? 'token_expired' : 'scope_changed')
    }
    const known = token.chains.get(scope)
    if (seq > 0 && known !== undefined && chain !== null && chainPrefix(chain) !== known) {
      return misfit('history_diverged')
    }
  }
  return null
}

/** The reasons that only a server restored from a backup has: it signed the token, and knows less than it says. */
export function isLost(misfit: Misfit): misfit is Misfit & { reason: 'token_ahead' | 'history_diverged' } {
  return misfit.reason === 'token_ahead' || misfit.reason === 'history_diverged'
}
