import { listener } from './listener.ts'
import { changeKinds, type ChangeKind } from './notify.ts'

/** What changed lately, as far as this process heard. Before its time, everything may have. */
export type RecentChanges = {
  kindsSince: (sinceMs: number) => ChangeKind[]
  /** Of the scopes asked for, those that have something new since then. */
  scopesSince: (sinceMs: number, scopes: readonly string[]) => string[]
}

const maxScopes = 10_000
const holder = globalThis as { holdfastRecent?: RecentChanges }

/** Remembers from the first call on, for the life of the process: a stream that comes back finds what it missed. */
export function recentChanges(): RecentChanges {
  holder.holdfastRecent ??= remember()
  return holder.holdfastRecent
}

function remember(): RecentChanges {
  let completeSinceMs = Date.now()
  const kinds = new Map<ChangeKind, number>()
  const scopes = new Map<string, number>()
  listener().subscribe((news) => {
    const now = Date.now()
    if (news.missed || news.scopes === '*' || scopes.size > maxScopes) {
      completeSinceMs = now
      scopes.clear()
    }
    for (const kind of news.kinds) kinds.set(kind, now)
    if (news.scopes !== '*') for (const scope of news.scopes) scopes.set(scope, now)
  })
  return {
    kindsSince: (sinceMs) =>
      sinceMs < completeSinceMs
        ? [...changeKinds]
        : changeKinds.filter((kind) => (kinds.get(kind) ?? 0) >= sinceMs),
    scopesSince: (sinceMs, asked) =>
      sinceMs < completeSinceMs ? [...asked] : asked.filter((scope) => (scopes.get(scope) ?? 0) >= sinceMs),
  }
}
