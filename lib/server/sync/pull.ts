import { limits, type ResyncReason } from '#lib/protocol/sync.ts'
import { spanAttributes, withSpan } from '#lib/telemetry/trace.ts'
import type { Engine } from './engine.ts'
import type { FeedPage, LostHistoryNote } from './feed-page.ts'
import { findMisfit, isLost, type Misfit } from './history.ts'
import type { KnownFeed } from './push.ts'
import { chainPrefix, writeToken, type SyncToken } from './token.ts'

export type Pull = {
  /** As the device sent it; null to read from the start. */
  token: string | null
  /** What it says. */
  read: KnownFeed
  scopes: readonly string[]
  limit: number
  /** The batch that this very request pushed. */
  ownBatch: string | null
  /** A full sync that an admin asked for. */
  resyncReason: ResyncReason | null
  /** The next page of some scopes, where the push knew it. */
  page?: FeedPage | null
}

export type Pulled = {
  epoch: string
  token: string | null
  /** Server changes as JSON texts, each of one or several, comma-separated. */
  changes: readonly string[]
  delivered: number
  hasMore: boolean
  /** Records of scopes that were revoked are among the changes: of what happened there last, no page tells. */
  isLeaving: boolean
  resync: ResyncReason | null
  /** What the device acknowledged by sending its token back: {scope: seq}. */
  acknowledged: Record<string, number> | null
  /** What the token tells of a history that this server no longer has. */
  lost: Omit<LostHistoryNote, 'device_id' | 'trace_id'> | null
}

const nil = '00000000-0000-0000-0000-000000000000'

/**
 * A page of the feed after the device's token, in commit order and never part of a batch; first the records of scopes
 * that were revoked, as LEAVE. A token of another history is refused with the reason for a full sync.
 */
export function pull(engine: Engine, request: Pull): Promise<Pulled> {
  return withSpan('sync.pull', { [spanAttributes.scopes]: request.scopes.length }, async (span) => {
    const epoch = await engine.store.epoch()
    const { read } = request
    const pulled =
      read === 'foreign'
        ? refused(request, epoch, 'epoch_changed')
        : await pullAfter(engine, request, regained(read ?? startToken(epoch), request.scopes))
    span.setAttributes({
      [spanAttributes.pulled]: pulled.delivered,
      ...(pulled.resync && { resync: pulled.resync }),
    })
    return pulled
  })
}

async function pullAfter(engine: Engine, request: Pull, token: SyncToken): Promise<Pulled> {
  const acknowledged = request.token === null ? null : Object.fromEntries(token.positions)
  if (request.resyncReason) return { ...refused(request, token.epoch, request.resyncReason), acknowledged }

  const granted = new Set(request.scopes)
  const limit = Math.min(request.limit, limits.max_pull)
  const left = await leave(engine, token, granted, limit)
  const page =
    knownFor(request, token) ??
    (await engine.store.feedPage({
      asked: request.scopes.map((scope) => ({ scope, seq: token.positions.get(scope) ?? 0 })),
      maxChanges: Math.max(0, limit - left.delivered),
      ownBatch: request.ownBatch,
    }))
  const misfit = left.misfit ?? findMisfit(page.standing ?? [], token, request.token === null)
  if (misfit)
    return { ...refused(request, token.epoch, misfit.reason), acknowledged, lost: lostOf(misfit, token) }

  const next: SyncToken = {
    epoch: token.epoch,
    positions: new Map(),
    chains: new Map(),
    leaving: left.leaving,
    issuedAt: engine.now(),
  }
  for (const { scope, seq, chain } of page.standing ?? []) {
    const reached = page.positions?.[scope]
    next.positions.set(scope, reached?.seq ?? seq)
    const reachedChain = reached?.chain ?? chain
    if (reachedChain) next.chains.set(scope, chainPrefix(reachedChain))
  }
  for (const [scope] of left.leaving) {
    next.positions.set(scope, token.positions.get(scope) ?? 0)
    const chain = token.chains.get(scope)
    if (chain) next.chains.set(scope, chain)
  }
  return {
    epoch: token.epoch,
    token: writeToken(next, engine.secret()),
    changes: [...left.changes, ...page.changes],
    delivered: left.delivered + page.delivered,
    hasMore: page.has_more || left.leaving.size > 0,
    isLeaving: left.delivered > 0,
    resync: null,
    acknowledged,
    lost: null,
  }
}

/** A scope that is granted again while it was being left is read from its start: some of it is gone from the device. */
function regained(token: SyncToken, scopes: readonly string[]): SyncToken {
  const again = scopes.filter((scope) => token.leaving.has(scope))
  if (again.length === 0) return token
  const without = <V>(map: Map<string, V>) => new Map([...map].filter(([scope]) => !again.includes(scope)))
  return {
    ...token,
    positions: without(token.positions),
    chains: without(token.chains),
    leaving: without(token.leaving),
  }
}

/** The next records to leave the device, of scopes in its token that are granted no more. */
async function leave({ store }: Engine, token: SyncToken, granted: ReadonlySet<string>, limit: number) {
  const revoked = [...token.positions.keys()].filter((scope) => !granted.has(scope))
  const leaving = new Map<string, [string, string]>()
  if (revoked.length === 0) return { changes: [], delivered: 0, leaving, misfit: null }
  const asked = revoked.map((scope) => ({ scope, seq: token.positions.get(scope) ?? 0 }))
  // A restored server does not know what there is to leave; and what it lost there is to be sent again, or refused.
  const { standing } = await store.feedPage({ asked, maxChanges: 0, ownBatch: null })
  const found = findMisfit(standing ?? [], token, false)
  const misfit = found && isLost(found) ? found : null
  if (misfit) return { changes: [], delivered: 0, leaving, misfit }
  const pages = await store.leavePage({
    leaving: asked.map(({ scope, seq }) => {
      const [table, id] = token.leaving.get(scope) ?? ['', nil]
      return { scope, seq, table, id }
    }),
    maxChanges: limit,
  })
  let delivered = 0
  const changes: string[] = []
  for (const page of pages) {
    const told = token.leaving.get(page.scope) ?? ['', nil]
    // The limit is for all scopes together: a scope that no longer fits waits for the next page.
    if (delivered > 0 && delivered + page.delivered > limit) {
      leaving.set(page.scope, told)
      continue
    }
    if (page.changes) changes.push(page.changes)
    delivered += page.delivered
    if (page.delivered >= limit && page.last_table !== null)
      leaving.set(page.scope, [page.last_table, page.last_id ?? nil])
  }
  return { changes, delivered, leaving, misfit: null }
}

/** A page that the push knew, if it speaks of exactly the device's scopes, from where the device stands in each. */
function knownFor({ page, scopes }: Pull, { positions }: SyncToken): FeedPage | null {
  const known = new Map(page?.standing?.map(({ scope, seq }) => [scope, seq]))
  const isWhole = known.size === scopes.length
  const stands = (scope: string) => known.has(scope) && known.get(scope) === positions.get(scope)
  return page && isWhole && scopes.every(stands) ? page : null
}

function lostOf(misfit: Misfit, { issuedAt }: SyncToken): Pulled['lost'] {
  if (!isLost(misfit)) return null
  return { ...misfit, issued_at: issuedAt === null ? null : new Date(issuedAt).toISOString() }
}

function startToken(epoch: string): SyncToken {
  return { epoch, positions: new Map(), chains: new Map(), leaving: new Map(), issuedAt: null }
}

function refused(request: Pull, epoch: string, resync: ResyncReason): Pulled {
  return {
    epoch,
    token: request.token,
    changes: [],
    delivered: 0,
    hasMore: false,
    isLeaving: false,
    resync,
    acknowledged: null,
    lost: null,
  }
}
