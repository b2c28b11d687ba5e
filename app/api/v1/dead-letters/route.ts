import { deadLettersQuerySchema, listDeadLetters } from '#lib/server/dead-letters/list.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('dead_letters.list', 'viewer', async ({ actor, query }) =>
    json(await listDeadLetters(actor, query(deadLettersQuerySchema))),
  ),
})
