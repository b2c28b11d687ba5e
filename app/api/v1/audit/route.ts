import { auditQuerySchema, listAudit } from '#lib/server/audit/list.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('audit.list', 'viewer', async ({ actor, query }) =>
    json(await listAudit(actor, query(auditQuerySchema))),
  ),
})
