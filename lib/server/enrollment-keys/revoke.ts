import { AppError } from '#lib/protocol/errors.ts'
import type { EnrollmentKey } from '#lib/protocol/access.ts'
import { authorise, type Actor } from '../actor.ts'
import { appendAudit } from '../audit/append.ts'
import { database } from '../db.ts'
import { toEnrollmentKey } from './create.ts'
import { revokeEnrollmentKeyRow } from './store.ts'

/** Ends an enrolment key at once; devices that enrolled with it stay enrolled. @throws AppError `not_found` */
export async function revokeEnrollmentKey(
  actor: Actor,
  id: string,
  traceId?: string,
): Promise<EnrollmentKey> {
  authorise(actor, 'admin')
  return database().$transaction(async (db) => {
    const row = await revokeEnrollmentKeyRow(db, id)
    if (!row) throw new AppError('not_found', 'There is no such enrolment key, or it was revoked before.')
    const before = { name: row.name, uses: row.uses }
    await appendAudit(db, [
      { actor, action: 'enrollment_key.revoke', target: 'enrollment_key', targetId: id, before, traceId },
    ])
    return toEnrollmentKey(row)
  })
}
