import { deviceQuerySchema } from '#lib/protocol/devices.ts'
import { listDevices } from '#lib/server/devices/list.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: consoleRoute('device.list', 'viewer', async ({ actor, query }) =>
    json(await listDevices(actor, query(deviceQuerySchema))),
  ),
})
