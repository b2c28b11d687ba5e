import { optionalReasonSchema } from '#lib/protocol/console.ts'
import { restoreDeadLetter } from '#lib/server/dead-letters/discard.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { optionalVersion } from '#lib/server/http/precondition.ts'
import { json } from '#lib/server/http/reply.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  POST: consoleRoute('dead_letter.restore', 'operator', async ({ actor, id, request, body, traceId }) => {
    const { reason } = body(optionalReasonSchema)
    const version = optionalVersion(request.headers)
    const letter = await restoreDeadLetter(actor, { id: id(), reason, version, traceId })
    return json(letter, { headers: { etag: letter.etag } })
  }),
})
