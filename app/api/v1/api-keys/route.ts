import { createApiKeySchema } from '#lib/protocol/access.ts'
import { createApiKey } from '#lib/server/api-keys/create.ts'
import { listApiKeys } from '#lib/server/api-keys/list.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('api_key.list', 'admin', async ({ actor }) => json(await listApiKeys(actor))),
  POST: consoleRoute('api_key.create', 'admin', async ({ actor, body, traceId }) =>
    json(await createApiKey(actor, body(createApiKeySchema), traceId), { status: 201 }),
  ),
})
