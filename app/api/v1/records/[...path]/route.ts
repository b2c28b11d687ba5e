import { optionalReasonSchema, writeRecordSchema } from '#lib/protocol/console.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { etag, optionalVersion } from '#lib/server/http/precondition.ts'
import { json } from '#lib/server/http/reply.ts'
import { recordAddress, recordQuerySchema } from '#lib/server/records/address.ts'
import { historyQuerySchema, listHistory } from '#lib/server/records/history.ts'
import { getRecord } from '#lib/server/records/read.ts'
import { deleteRecord, putRecord } from '#lib/server/records/write.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('record.get', 'viewer', async ({ actor, request, query }) => {
    const { isHistory, ...key } = recordAddress(request)
    if (isHistory) return json(await listHistory(actor, key, query(historyQuerySchema)))
    const record = await getRecord(actor, { ...key, scope: query(recordQuerySchema).scope })
    return json(record, { headers: { etag: etag(record.version) } })
  }),
  PUT: consoleRoute('record.put', 'admin', async ({ actor, request, query, body, traceId }) => {
    const write = {
      ...recordAddress(request, 'record'),
      ...body(writeRecordSchema),
      ...query(recordQuerySchema),
      traceId,
    }
    const version = optionalVersion(request.headers)
    const { record, created } = await putRecord(actor, { ...write, scope: write.scope, version })
    return json(record, { status: created ? 201 : 200, headers: { etag: etag(record.version) } })
  }),
  DELETE: consoleRoute(
    'record.delete',
    'admin',
    async ({ actor, request, query, body, version, traceId }) => {
      const { scope } = query(recordQuerySchema)
      const deletion = { ...recordAddress(request, 'record'), ...body(optionalReasonSchema), scope, traceId }
      const record = await deleteRecord(actor, { ...deletion, version: version() })
      return json(record, { headers: { etag: etag(record.version) } })
    },
  ),
})
