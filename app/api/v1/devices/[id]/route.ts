import { getDevice } from '#lib/server/devices/get.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('device.get', 'viewer', async ({ actor, id }) => {
    const device = await getDevice(actor, id())
    return json(device, { headers: { etag: device.etag } })
  }),
})
