import type { DecidedBatch } from './batch.ts'
import type { FeedPage } from './feed-page.ts'
import type { KnownFeed } from './push.ts'
import type { Committed, Loaded } from './store.ts'

/**
 * The page of the feed after a device's token, where a push has told it already: nothing new in any scope it loaded the
 * standing of, but this very batch, which the device has. So a device alone in its scopes is spared the third call.
 * @param heads of the scopes the batch was published in; a commit in between would show in their seq
 * @returns null where only the feed itself can tell
 */
export function knownPage(
  token: KnownFeed,
  { standing }: Loaded,
  heads: Committed['heads'],
  { changes }: Pick<DecidedBatch, 'changes'>,
): FeedPage | null {
  if (token === null || token === 'foreign' || !standing) return null
  const isAlone = standing.every(({ scope, seq, head }) =>
    heads[scope] ? heads[scope].seq === seq + 1 : head === seq,
  )
  const isKnown = changes.every(({ effect, outcome }) => effect === 'NONE' || outcome === 'applied')
  if (!isAlone || !isKnown) return null
  return { standing, positions: heads, changes: [], delivered: 0, has_more: false }
}
