import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'
import { getSaga } from '#lib/server/sagas/get.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('saga.get', 'viewer', async ({ actor, id }) => {
    const saga = await getSaga(actor, id())
    return json(saga, { headers: { etag: saga.etag } })
  }),
})
