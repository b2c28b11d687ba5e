import { resolveConflictSchema } from '#lib/protocol/console.ts'
import { seenVersions } from '#lib/server/conflicts/etag.ts'
import { resolveConflict } from '#lib/server/conflicts/resolve.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  POST: consoleRoute('conflict.resolve', 'admin', async ({ actor, id, tag, body, traceId }) => {
    const { choice, data, moves, reason } = body(resolveConflictSchema)
    const seen = seenVersions(tag())
    const conflict = await resolveConflict(actor, { id: id(), seen, choice, data, moves, reason, traceId })
    return json(conflict, { headers: { etag: conflict.etag } })
  }),
})
