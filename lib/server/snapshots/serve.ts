import { createHash } from 'node:crypto'
import type { AuthenticatedDevice } from '../devices/authenticate.ts'
import type { ApiRequest } from '../http/api-request.ts'
import { jsonText, type Reply } from '../http/reply.ts'
import { isLastPage, snapshotPage, type SnapshotQuery } from '../sync/snapshot.ts'
import { admit } from './admission.ts'
import { holdSnapshot } from './store.ts'

/**
 * Answers a request for a page of a full sync. To begin one a device waits for its turn; a page after the first goes
 * through, whatever the crowd.
 * @throws AppError `throttled` before the first page, and what `snapshotPage` throws
 */
export async function serveSnapshot(
  request: ApiRequest,
  device: AuthenticatedDevice,
  query: SnapshotQuery,
): Promise<Reply> {
  if (query.cursor === undefined) await admit(device.id)
  const text = await snapshotPage(device, query)
  await holdSnapshot(device.id, isLastPage(text))
  const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`
  if (request.headers.get('if-none-match') === etag) {
    return new Response(null, { status: 304, headers: { etag } })
  }
  return jsonText([text], { headers: { etag } })
}
