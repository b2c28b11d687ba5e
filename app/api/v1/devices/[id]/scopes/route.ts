import { setScopesSchema } from '#lib/protocol/devices.ts'
import { setDeviceScopes } from '#lib/server/devices/set-scopes.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { optionalVersion } from '#lib/server/http/precondition.ts'
import { json } from '#lib/server/http/reply.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  PUT: consoleRoute('device.set_scopes', 'admin', async ({ actor, id, request, body, traceId }) => {
    const device = await setDeviceScopes(
      actor,
      { id: id(), version: optionalVersion(request.headers), traceId },
      body(setScopesSchema),
    )
    return json(device, { headers: { etag: device.etag } })
  }),
})
