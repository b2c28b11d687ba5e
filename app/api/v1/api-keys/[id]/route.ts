import { revokeApiKey } from '#lib/server/api-keys/revoke.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  DELETE: consoleRoute('api_key.revoke', 'admin', async ({ actor, id, traceId }) =>
    json(await revokeApiKey(actor, id(), traceId)),
  ),
})
