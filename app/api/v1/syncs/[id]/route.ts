import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'
import { getSync } from '#lib/server/syncs/get.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('sync.get', 'viewer', async ({ actor, params }) =>
    json(await getSync(actor, params['id'] ?? '')),
  ),
})
