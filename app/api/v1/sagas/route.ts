import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'
import { listSagas, sagasQuerySchema } from '#lib/server/sagas/list.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('sagas.list', 'viewer', async ({ actor, query }) =>
    json(await listSagas(actor, query(sagasQuerySchema))),
  ),
})
