import { revokeEnrollmentKey } from '#lib/server/enrollment-keys/revoke.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  DELETE: consoleRoute('enrollment_key.revoke', 'admin', async ({ actor, id, traceId }) =>
    json(await revokeEnrollmentKey(actor, id(), traceId)),
  ),
})
