import { optionalReasonSchema } from '#lib/protocol/console.ts'
import { seenVersions } from '#lib/server/conflicts/etag.ts'
import { undoResolution } from '#lib/server/conflicts/undo.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  POST: consoleRoute('conflict.undo', 'admin', async ({ actor, id, tag, body, traceId }) => {
    const { reason } = body(optionalReasonSchema)
    const seen = seenVersions(tag())
    const conflict = await undoResolution(actor, { id: id(), seen, reason, traceId })
    return json(conflict, { headers: { etag: conflict.etag } })
  }),
})
