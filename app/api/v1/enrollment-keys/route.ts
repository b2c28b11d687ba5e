import { createEnrollmentKeySchema } from '#lib/protocol/access.ts'
import { createEnrollmentKey } from '#lib/server/enrollment-keys/create.ts'
import { listEnrollmentKeys } from '#lib/server/enrollment-keys/list.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('enrollment_key.list', 'admin', async ({ actor }) =>
    json(await listEnrollmentKeys(actor)),
  ),
  POST: consoleRoute('enrollment_key.create', 'admin', async ({ actor, body, traceId }) =>
    json(await createEnrollmentKey(actor, body(createEnrollmentKeySchema), traceId), { status: 201 }),
  ),
})
