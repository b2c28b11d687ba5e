import { conflictsQuerySchema, listConflicts } from '#lib/server/conflicts/list.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('conflicts.list', 'viewer', async ({ actor, query }) =>
    json(await listConflicts(actor, query(conflictsQuerySchema))),
  ),
})
