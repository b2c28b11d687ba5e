import { authenticateDevice } from '#lib/server/devices/authenticate.ts'
import { deviceRoute } from '#lib/server/http/device-route.ts'
import { endpoint } from '#lib/server/http/door.ts'
import { deviceStream } from '#lib/server/stream/pokes.ts'

export const dynamic = 'force-dynamic'

export const { GET, POST, PUT, PATCH, DELETE } = endpoint({
  GET: deviceRoute('poke.open', async ({ device, request }) =>
    deviceStream(device, request, { stillAllowed: () => isStillTheSame(device, request.headers) }),
  ),
})

/** Revoked, or granted other scopes: the device comes back and is answered by what holds then. */
async function isStillTheSame(device: { id: string; scopes: string[] }, headers: Headers): Promise<boolean> {
  const now = await authenticateDevice(headers)
  return (
    now.id === device.id && now.status !== 'revoked' && now.scopes.join('\n') === device.scopes.join('\n')
  )
}
