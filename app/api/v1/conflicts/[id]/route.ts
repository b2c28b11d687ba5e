import { getConflict } from '#lib/server/conflicts/get.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('conflict.get', 'viewer', async ({ actor, id }) => {
    const conflict = await getConflict(actor, id())
    return json(conflict, { headers: { etag: conflict.etag } })
  }),
})
