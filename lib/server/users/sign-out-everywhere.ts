import type { Actor } from '../actor.ts'
import { appendAudit } from '../audit/append.ts'
import { database } from '../db.ts'
import { requireOwnSession } from './own-session.ts'
import { raiseSessionVersion } from './store.ts'

/** Ends all sessions of the caller, this one too, on every device and at once. */
export async function signOutEverywhere(actor: Actor, traceId?: string): Promise<void> {
  requireOwnSession(actor)
  await database().$transaction(async (db) => {
    await raiseSessionVersion(db, actor.id)
    await appendAudit(db, [
      { actor, action: 'user.sign_out_everywhere', target: 'user', targetId: actor.id, traceId },
    ])
  })
}
