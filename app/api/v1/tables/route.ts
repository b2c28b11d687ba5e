import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'
import { listTables, tablesQuerySchema } from '#lib/server/tables/list.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('tables.list', 'viewer', async ({ actor, query }) =>
    json(await listTables(actor, query(tablesQuerySchema))),
  ),
})
