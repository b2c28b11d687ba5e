import { authenticateCaller } from '#lib/server/auth.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { consoleStream } from '#lib/server/stream/console.ts'

export const dynamic = 'force-dynamic'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('stream.open', 'viewer', async ({ actor, request }) =>
    consoleStream(actor, request, {
      stillAllowed: async () => (await authenticateCaller(request.headers)).id === actor.id,
    }),
  ),
})
