import { setScopesSchema, type DeviceDetail, type SetScopes } from '#lib/protocol/devices.ts'
import { AppError } from '#lib/protocol/errors.ts'
import { authorise, type Actor } from '../actor.ts'
import { appendAudit } from '../audit/append.ts'
import { staleError } from '../http/precondition.ts'
import { notifyChanged } from '../stream/notify.ts'
import { changing, lockForChange, setScopes } from './change-store.ts'
import { getDevice } from './get.ts'

/**
 * Grants a device exactly these scopes, from its next request on: it is sent what they hold, and leaves what it lost.
 * @param device.version of the device as the caller saw it; null replaces whatever is there
 * @throws AppError `not_found`, `stale`
 */
export async function setDeviceScopes(
  actor: Actor,
  device: { id: string; version: number | null; traceId?: string },
  input: SetScopes,
): Promise<DeviceDetail> {
  authorise(actor, 'admin')
  const { id, version, traceId } = device
  const { scopes: asked, reason } = setScopesSchema.parse(input)
  const scopes = [...new Set(asked)]
  await changing(async (db) => {
    const known = await lockForChange(db, id)
    if (!known) throw new AppError('not_found', 'There is no such device.')
    if (version !== null && known.version !== version) throw staleError()
    await setScopes(db, id, scopes)
    await appendAudit(db, [
      {
        actor,
        action: 'device.set_scopes',
        target: 'device',
        targetId: id,
        reason: reason || undefined,
        before: { name: known.name, scopes: known.scopes },
        after: { name: known.name, scopes },
        traceId,
      },
    ])
  })
  notifyChanged({ kinds: ['device', 'audit'], scopes })
  return getDevice(actor, id)
}
