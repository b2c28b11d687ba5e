import { z } from 'zod'
import { deviceReasonSchema } from '#lib/protocol/devices.ts'
import { AppError } from '#lib/protocol/errors.ts'
import { resyncDevice } from '#lib/server/devices/resync.ts'
import { changeDeviceStatus } from '#lib/server/devices/set-status.ts'
import { consoleRoute } from '#lib/server/http/console-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { json } from '#lib/server/http/reply.ts'

const actions = z.enum(['revoke', 'restore', 'pause', 'resume', 'resync'])

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  POST: consoleRoute('device.change', 'admin', async ({ actor, params, id, body, traceId }) => {
    const action = actions.safeParse(params['action']).data
    if (!action) throw new AppError('not_found', 'There is no such address in this API.')
    const change = { id: id(), reason: body(deviceReasonSchema).reason, traceId }
    const device =
      action === 'resync'
        ? await resyncDevice(actor, change)
        : await changeDeviceStatus(actor, action, change)
    return json(device, { headers: { etag: device.etag } })
  }),
})
