import { logger } from '#lib/telemetry/log.ts'
import { instruments } from '#lib/telemetry/metrics.ts'
import { sendNotification } from './store.ts'

/** What a console page can be told to look at again. */
export const changeKinds = [
  'fleet',
  'sync',
  'device',
  'conflict',
  'dead_letter',
  'saga',
  'record',
  'table',
  'audit',
] as const
export type ChangeKind = (typeof changeKinds)[number]

/** Something committed. */
export type Changed = {
  /** Kinds of things that look different now: console pages look again. */
  kinds: readonly ChangeKind[]
  /** Scopes whose feed grew: their devices are poked. */
  scopes?: readonly string[]
}

/** Every NOTIFY takes a lock on all commits of the server: 20 a second at most, however busy we are. */
const minIntervalMs = 50
/** PostgreSQL takes 8,000 bytes. When more scopes changed, everybody looks. */
const maxScopes = 100

type Pending = {
  kinds: Set<ChangeKind>
  scopes: Set<string>
  timer: NodeJS.Timeout | null
  lastSentMs: number
}
const holder = globalThis as { holdfastNotify?: Pending }

/**
 * Tells every process that something changed, soon: at once when quiet, coalesced to 20 a second when busy.
 * Call it after the commit, never inside a transaction. Losing one costs freshness, not correctness: never throws.
 */
export function notifyChanged({ kinds, scopes = [] }: Changed): void {
  const pending = (holder.holdfastNotify ??= {
    kinds: new Set(),
    scopes: new Set(),
    timer: null,
    lastSentMs: 0,
  })
  for (const kind of kinds) pending.kinds.add(kind)
  for (const scope of scopes) pending.scopes.add(scope)
  if (pending.timer) return
  const waitMs = Math.max(0, pending.lastSentMs + minIntervalMs - Date.now())
  pending.timer = setTimeout(() => void send(pending), waitMs).unref()
}

async function send(pending: Pending): Promise<void> {
  const kinds = [...pending.kinds]
  const scopes: string[] | '*' = pending.scopes.size > maxScopes ? '*' : [...pending.scopes]
  pending.kinds.clear()
  pending.scopes.clear()
  pending.lastSentMs = Date.now()
  pending.timer = null
  try {
    await sendNotification(encodeNotification({ kinds, scopes }))
    instruments().notifications.inc({ outcome: 'sent' })
  } catch (error) {
    instruments().notifications.inc({ outcome: 'failed' })
    logger.debug({ event: 'notify.failed', err: error }, 'notification not sent')
  }
}

/** What goes over the channel. `scopes: '*'`: too many to name. */
export type Notification = { kinds: ChangeKind[]; scopes: string[] | '*' }

export function encodeNotification(notification: Notification): string {
  const text = JSON.stringify(notification)
  return Buffer.byteLength(text) < 7_900 ? text : JSON.stringify({ ...notification, scopes: '*' })
}

/** @returns null for what is not ours to read */
export function decodeNotification(text: string): Notification | null {
  try {
    const { kinds, scopes } = JSON.parse(text) as Partial<Notification>
    if (!Array.isArray(kinds)) return null
    return {
      kinds: changeKinds.filter((kind) => kinds.includes(kind)),
      scopes:
        scopes === '*'
          ? '*'
          : Array.isArray(scopes)
            ? scopes.filter((scope) => typeof scope === 'string')
            : [],
    }
  } catch {
    return null
  }
}
