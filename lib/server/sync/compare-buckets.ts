import type { DigestRequest } from '#lib/protocol/digest.ts'
import { AppError } from '#lib/protocol/errors.ts'
import { limits, type ResyncReason } from '#lib/protocol/sync.ts'
import { spanAttributes, withSpan } from '#lib/telemetry/trace.ts'
import type { AuthenticatedDevice } from '../devices/authenticate.ts'
import type { Engine } from './engine.ts'
import { findMisfit } from './history.ts'
import { serverEngine } from './server-engine.ts'
import { readToken } from './token.ts'

/**
 * Where a device's records of a scope are not the server's, bucket by bucket, as the JSON text of a `DigestReply`: both
 * sides at the device's token, so that what has changed since makes no difference.
 * @throws AppError `forbidden` for a scope that was not granted
 */
export function compareBuckets(
  device: AuthenticatedDevice,
  request: DigestRequest,
  engine: Engine = serverEngine(),
): Promise<string> {
  const { scope, tables, buckets } = request
  return withSpan('sync.digest', { [spanAttributes.deviceId]: device.id }, async () => {
    if (!device.scopes.includes(scope)) {
      throw new AppError('forbidden', `This device has no grant for scope "${scope}".`)
    }
    const epoch = await engine.store.epoch()
    const reply = (seq: number, differing: string, hasMore: boolean, resync: ResyncReason | null) =>
      `{"scope":${JSON.stringify(scope)},"epoch":"${epoch}","seq":${seq},"buckets":${differing},` +
      `"has_more":${hasMore},"resync":${resync ? `{"reason":"${resync}"}` : 'null'}}`

    const token = request.sync_token ? readToken(request.sync_token, engine.secret()) : null
    if (request.sync_token && token?.epoch !== epoch) return reply(0, '{}', false, 'epoch_changed')
    const pin = token && (token.positions.get(scope) ?? 0)
    const compared = await engine.store.bucketDifferences({
      ...{ scope, pin, tables: tables ?? null, buckets, maxRecords: limits.max_pull },
    })
    const { head, min_seq, chain } = compared
    const standing = pin === null ? [] : [{ scope, seq: pin, head, min_seq, chain }]
    const misfit = token && findMisfit(standing, token, false)
    return misfit
      ? reply(0, '{}', false, misfit.reason)
      : reply(pin ?? head, compared.buckets, compared.has_more, null)
  })
}
