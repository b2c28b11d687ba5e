import { getConflict } from '#lib/server/conflicts/get.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { itemId } from '#lib/server/http/path.ts'
import { json } from '#lib/server/http/reply.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('conflict.get', 'viewer', async ({ actor, params }) => {
    const conflict = await getConflict(actor, itemId(params))
    return json(conflict, { headers: { etag: conflict.etag } })
  }),
})
