import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'
import { signOutEverywhere } from '#lib/server/users/sign-out-everywhere.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  POST: consoleRoute('user.sign_out_everywhere', 'person', async ({ actor, traceId }) => {
    await signOutEverywhere(actor, traceId)
    return json({ signed_out: true })
  }),
})
