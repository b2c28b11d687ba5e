import { healthQuerySchema } from '#lib/protocol/health.ts'
import { healthSummary } from '#lib/server/health/summary.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('health.summary', 'viewer', async ({ actor, query }) =>
    json(await healthSummary(actor, query(healthQuerySchema))),
  ),
})
