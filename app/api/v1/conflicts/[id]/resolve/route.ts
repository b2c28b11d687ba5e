import { resolveConflictSchema } from '#lib/protocol/console.ts'
import { seenVersions } from '#lib/server/conflicts/etag.ts'
import { resolveConflict } from '#lib/server/conflicts/resolve.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { itemId } from '#lib/server/http/path.ts'
import { json } from '#lib/server/http/reply.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  POST: consoleRoute('conflict.resolve', 'admin', async ({ actor, params, request, body, traceId }) => {
    const { choice, data, reason } = body(resolveConflictSchema)
    const seen = seenVersions(request.headers)
    const conflict = await resolveConflict(actor, { id: itemId(params), seen, choice, data, reason, traceId })
    return json(conflict, { headers: { etag: conflict.etag } })
  }),
})
