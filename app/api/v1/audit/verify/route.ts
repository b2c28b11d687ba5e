import { verifyAudit } from '#lib/server/audit/verify.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  POST: consoleRoute('audit.verify', 'admin', async ({ actor }) => json(await verifyAudit(actor))),
})
