import { AppError } from '#lib/protocol/errors.ts'
import type { EnrollReply, EnrollRequest } from '#lib/protocol/enroll.ts'
import { limits } from '#lib/protocol/sync.ts'
import { logger } from '#lib/telemetry/log.ts'
import { appendAudit } from '../audit/append.ts'
import { database } from '../db.ts'
import { findEnrollmentKey } from '../enrollment-keys/use.ts'
import { createGuessLimit } from '../limits/guess-limit.ts'
import { sqlState } from '../sql-state.ts'
import { createToken, hashToken, sameHash } from '../tokens.ts'
import { lockDevice, selectServerFacts, upsertEnrolled } from './enroll-store.ts'

/** A fleet behind one address enrols with a right key as fast as it likes: wrong keys alone are counted. */
const wrongKeys = createGuessLimit('enroll_network', { wrongGuesses: 60, windowSeconds: 300 })

/** Device tokens open these scopes: what was asked for and the key allows, in the order of the question. */
export function grantedScopes(asked: readonly string[], allowed: readonly string[]): string[] {
  return [...new Set(asked)].filter((scope) => allowed.includes('*') || allowed.includes(scope))
}

/**
 * Gives a device its token. A device that is known already gets a new one, and its old one ends with it. A request that
 * comes again with the token the device has is answered as the device stands, whatever became of the key: an answer that
 * was lost locks nobody out.
 * @param from.network address of the caller, against guessing of keys
 * @throws AppError `unauthenticated` for a key that is not valid, `forbidden`, `device_revoked`, `throttled`
 */
export async function enrollDevice(
  request: EnrollRequest,
  from: { network: string; traceId: string },
): Promise<EnrollReply> {
  await wrongKeys.check(from.network)
  const token = request.device_token ?? createToken('device')
  const tokenHash = hashToken(token)
  const enrolled = await database()
    .$transaction(async (db) => {
      const before = request.device_token === undefined ? null : await lockDevice(db, request.device_id)
      if (before && sameHash(before.token_hash, tokenHash)) {
        refuseRevoked(before)
        return { scopes: before.scopes, isNew: false }
      }
      const key = await findEnrollmentKey(db, request.enrollment_key)
      if (!key) return null
      const scopes = grantedScopes(request.scopes, key.scopes)
      if (scopes.length === 0) {
        throw new AppError('forbidden', 'This enrolment key allows none of the scopes that were asked for.')
      }
      const known = await lockDevice(db, request.device_id)
      if (known) refuseRevoked(known)
      if (known && !key.allow_reenroll) {
        throw new AppError('forbidden', 'This device is enrolled, and this key may not replace its token.')
      }
      await key.use()
      await upsertEnrolled(db, { ...request, scopes, tokenHash, keyId: key.id })
      await appendAudit(db, [
        {
          actor: { kind: 'device', id: request.device_id, name: request.name },
          action: known ? 'device.reenroll' : 'device.enroll',
          target: 'device',
          targetId: request.device_id,
          ...(known ? { before: { scopes: known.scopes, incarnation: known.incarnation } } : {}),
          after: {
            scopes,
            incarnation: request.incarnation,
            enrollment_key: key.name,
            enrollment_key_id: key.id,
          },
          traceId: from.traceId,
        },
      ])
      return { scopes, isNew: !known }
    })
    .catch(refuseTaken)
  if (!enrolled) {
    await wrongKeys.wrong(from.network)
    logger.warn(
      { event: 'device.enroll_refused', device_id: request.device_id, network: from.network },
      'enrolment refused',
    )
    throw new AppError('unauthenticated', 'This enrolment key is not valid, or no longer.')
  }
  logger.info(
    { event: 'device.enrolled', device_id: request.device_id, is_new: enrolled.isNew },
    'device enrolled',
  )
  const { epoch, tables } = await selectServerFacts()
  const { scopes } = enrolled
  return { device_token: token, scopes, epoch, server_time: new Date().toISOString(), limits, tables }
}

function refuseRevoked({ status }: { status: string }): void {
  if (status !== 'revoked') return
  throw new AppError(
    'device_revoked',
    'This device was revoked. Ask an administrator to restore it, then enrol.',
  )
}

/** 23505: the token opens another device already. */
function refuseTaken(error: unknown): never {
  if (sqlState(error) !== '23505') throw error
  throw new AppError('conflict', 'This device token is in use. Make another one.', { cause: error })
}
