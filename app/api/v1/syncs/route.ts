import { syncsQuerySchema } from '#lib/protocol/syncs.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'
import { listSyncs } from '#lib/server/syncs/list.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('sync.list', 'viewer', async ({ actor, query }) =>
    json(await listSyncs(actor, query(syncsQuerySchema))),
  ),
})
