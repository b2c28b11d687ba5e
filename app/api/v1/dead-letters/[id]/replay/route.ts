import { replayDeadLetterSchema } from '#lib/protocol/console.ts'
import { replayDeadLetter } from '#lib/server/dead-letters/replay.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { optionalVersion } from '#lib/server/http/precondition.ts'
import { json } from '#lib/server/http/reply.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  POST: consoleRoute('dead_letter.replay', 'operator', async ({ actor, id, request, body, traceId }) => {
    const { dry_run: dryRun, change, reason } = body(replayDeadLetterSchema)
    const version = optionalVersion(request.headers)
    return json(await replayDeadLetter(actor, { id: id(), change, dryRun, reason, version, traceId }))
  }),
})
