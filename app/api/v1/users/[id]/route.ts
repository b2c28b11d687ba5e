import { setRoleSchema } from '#lib/protocol/access.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'
import { removeUser } from '#lib/server/users/remove.ts'
import { setUserRole } from '#lib/server/users/set-role.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  PUT: consoleRoute('user.set_role', 'admin', async ({ actor, id, body, traceId }) =>
    json(await setUserRole(actor, id(), body(setRoleSchema).role, traceId)),
  ),
  DELETE: consoleRoute('user.remove', 'admin', async ({ actor, id, traceId }) =>
    json(await removeUser(actor, id(), traceId)),
  ),
})
