import { authenticateDevice, refuseRevoked, type AuthenticatedDevice } from '../devices/authenticate.ts'
import { route, type Params, type Route } from './door.ts'
import type { Handled } from './handle.ts'
import type { Reply } from './reply.ts'

export type DeviceCall = Handled & { device: AuthenticatedDevice; params: Params }

/**
 * A route for devices: `Authorization: Bearer <device token>`.
 * Answers 401 for no or an unknown token, 403 `device_revoked`, 403 `forbidden` for somebody else's credentials.
 */
export function deviceRoute(name: string, answer: (call: DeviceCall) => Promise<Reply>): Route {
  return route(name, { kind: 'device' }, async (handled, params) => {
    const device = await authenticateDevice(handled.request.headers)
    handled.span.setAttribute('device.id', device.id)
    await refuseRevoked(device)
    return answer({ ...handled, device, params })
  })
}
