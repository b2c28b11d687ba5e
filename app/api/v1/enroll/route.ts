import { enrollRequestSchema } from '#lib/protocol/enroll.ts'
import { enrollDevice } from '#lib/server/devices/enroll.ts'
import { readJson } from '#lib/server/http/body.ts'
import { clientAddress } from '#lib/server/http/client-address.ts'
import { endpoint, openRoute } from '#lib/server/http/door.ts'
import { parseRequest } from '#lib/server/http/parse.ts'
import { json } from '#lib/server/http/reply.ts'

const bodyLimitBytes = 256 * 1024

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  POST: openRoute('device.enroll', async ({ request, traceId }) => {
    const body = parseRequest(enrollRequestSchema, (await readJson(request, bodyLimitBytes)).value)
    const network = clientAddress(request.headers)
    return json(await enrollDevice(body, { network, traceId }), { status: 201 })
  }),
})
