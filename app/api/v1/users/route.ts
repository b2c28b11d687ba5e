import { createUserSchema } from '#lib/protocol/access.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'
import { createUser } from '#lib/server/users/create.ts'
import { listUsers } from '#lib/server/users/list.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('user.list', 'admin', async ({ actor }) => json(await listUsers(actor))),
  POST: consoleRoute('user.create', 'admin', async ({ actor, body, traceId }) =>
    json(await createUser(actor, body(createUserSchema), traceId), { status: 201 }),
  ),
})
