import type { DeviceDetail } from '#lib/protocol/devices.ts'
import { AppError } from '#lib/protocol/errors.ts'
import type { ResyncReason } from '#lib/protocol/sync.ts'
import { authorise, type Actor } from '../actor.ts'
import { appendAudit } from '../audit/append.ts'
import { notifyChanged } from '../stream/notify.ts'
import { changing, lockForChange, setResync } from './change-store.ts'
import { getDevice } from './get.ts'

/** An admin asks for it where a device's data is not trusted: to the device, what a diverged history is. */
const askedReason: ResyncReason = 'history_diverged'

/**
 * Has a device load everything anew at its next sync; its queue stays.
 * @throws AppError `not_found`, `conflict` for a revoked device, which does not sync
 */
export async function resyncDevice(
  actor: Actor,
  device: { id: string; reason?: string; traceId?: string },
): Promise<DeviceDetail> {
  authorise(actor, 'admin')
  const { id, reason, traceId } = device
  await changing(async (db) => {
    const known = await lockForChange(db, id)
    if (!known) throw new AppError('not_found', 'There is no such device.')
    if (known.status === 'revoked')
      throw new AppError('conflict', 'This device is revoked. Restore it first.')
    if (known.resync_reason !== null) return
    await setResync(db, id, askedReason)
    const before = { name: known.name }
    await appendAudit(db, [
      {
        actor,
        action: 'device.resync',
        target: 'device',
        targetId: id,
        reason: reason || undefined,
        before,
        traceId,
      },
    ])
  })
  notifyChanged({ kinds: ['device', 'audit'] })
  return getDevice(actor, id)
}
