import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'
import { listRecords, recordsQuerySchema } from '#lib/server/records/list.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('records.list', 'viewer', async ({ actor, query }) =>
    json(await listRecords(actor, query(recordsQuerySchema))),
  ),
})
