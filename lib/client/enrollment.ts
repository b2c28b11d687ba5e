import type { EnrollRequest } from '#lib/protocol/enroll.ts'
import type { Exchange } from './exchange.ts'
import { newDeviceToken } from './identifiers.ts'
import { readIdentity } from './identity.ts'
import { transact, type Kernel } from './kernel.ts'
import { enrollReplySchema } from './replies.ts'
import { handBackSeen } from './review.ts'

export interface EnrollmentRequest {
  readonly enrollmentKey: string
  /** How people recognise the device. */
  readonly name: string
  readonly platform: string
  readonly appVersion: string
  readonly scopes: readonly string[]
}

export interface Enrollment {
  readonly deviceId: string
  /** Scopes granted: those asked for that the key allows. */
  readonly scopes: readonly string[]
}

/**
 * Registers the device, or gives a registered one a new token. Local records and the queue stay.
 * @throws SyncFailure when the server could not be reached or did not accept the key
 */
export async function enroll(
  kernel: Kernel,
  exchange: Exchange,
  request: EnrollmentRequest,
): Promise<Enrollment> {
  // Stored before it is sent: an answer that is lost, or a request that arrives late, is then about the same token.
  const { deviceId, incarnation, proposedToken } = await transact(kernel, async (unit) => {
    const identity = await readIdentity(unit)
    const proposed = identity.proposedToken ?? newDeviceToken(kernel.random)
    if (identity.proposedToken === undefined)
      unit.putMeta('identity', { ...identity, proposedToken: proposed })
    return { ...identity, proposedToken: proposed }
  })
  const body: EnrollRequest = {
    enrollment_key: request.enrollmentKey,
    device_id: deviceId,
    incarnation,
    name: request.name,
    platform: request.platform,
    app_version: request.appVersion,
    scopes: [...request.scopes],
    device_token: proposedToken,
  }
  const reply = await exchange({
    method: 'POST',
    path: '/api/v1/enroll',
    token: null,
    body,
    reply: enrollReplySchema,
  })
  await transact(kernel, async (unit) => {
    unit.putMeta('identity', {
      ...(await readIdentity(unit)),
      proposedToken: undefined,
      token: reply.device_token,
      scopes: reply.scopes,
      tables: Object.fromEntries(
        reply.tables.map(({ name, strategy, priority, schema_version }) => [
          name,
          { strategy, priority, schemaVersion: schema_version },
        ]),
      ),
      limits: {
        chunkChanges: reply.limits.chunk_changes,
        chunkBytes: reply.limits.chunk_bytes,
        maxRecordBytes: reply.limits.max_record_bytes,
      },
    })
    // What the server refused for its scope may go now; what left with its record waits for that to come back.
    const granted = new Set(reply.scopes)
    await handBackSeen(kernel, unit, {
      hasRecord: () => false,
      hasArrival: () => false,
      hasScope: (scope) => granted.has(scope),
      isGranted: (scope) => granted.has(scope),
    })
  })
  return { deviceId, scopes: reply.scopes }
}
