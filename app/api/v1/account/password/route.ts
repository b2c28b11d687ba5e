import { changePasswordSchema } from '#lib/protocol/access.ts'
import { freshSessionCookie } from '#lib/server/auth.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'
import { changePassword } from '#lib/server/users/change-password.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  // Every session ends with the old password; this browser gets a new one at once.
  POST: consoleRoute('user.change_password', 'person', async ({ actor, body, request, traceId }) => {
    await changePassword(actor, body(changePasswordSchema), traceId)
    return json(
      { changed: true },
      { headers: { 'set-cookie': await freshSessionCookie(actor.id, request.headers) } },
    )
  }),
})
