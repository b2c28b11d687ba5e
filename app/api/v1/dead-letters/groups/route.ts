import { deadLetterGroupsQuerySchema, listDeadLetterGroups } from '#lib/server/dead-letters/groups.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('dead_letters.groups', 'viewer', async ({ actor, query }) =>
    json(await listDeadLetterGroups(actor, query(deadLetterGroupsQuerySchema))),
  ),
})
