import { z } from 'zod'
import { AppError } from '#lib/protocol/errors.ts'
import { uuid } from '#lib/protocol/sync.ts'
import type { ApiRequest } from '../http/api-request.ts'
import { partsAfter } from '../http/path.ts'

/** Which of its scopes, where a record is in several. */
export const recordQuerySchema = z.object({ scope: z.string().min(1).max(200).optional() })

/**
 * `/records/{table}/{id}` and `/records/{table}/{id}/history`, where the table's name may contain slashes.
 * @param only `record` where the history cannot be meant
 * @throws AppError `not_found`
 */
export function recordAddress(
  request: ApiRequest,
  only?: 'record',
): { table: string; id: string; isHistory: boolean } {
  const parts = partsAfter(request, 'records')
  const isHistory = only !== 'record' && parts.at(-1) === 'history'
  const [id, ...table] = parts.slice(0, isHistory ? -1 : undefined).toReversed()
  const parsed = uuid.safeParse(id?.toLowerCase())
  if (!parsed.success || table.length === 0) throw new AppError('not_found', 'There is no such record.')
  return { table: table.toReversed().join('/'), id: parsed.data, isHistory }
}
