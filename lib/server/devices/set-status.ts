import type { DeviceDetail, DeviceStatus } from '#lib/protocol/devices.ts'
import { AppError } from '#lib/protocol/errors.ts'
import { authorise, type Actor } from '../actor.ts'
import { appendAudit } from '../audit/append.ts'
import { notifyChanged } from '../stream/notify.ts'
import { changing, lockForChange, setStatus } from './change-store.ts'
import { getDevice } from './get.ts'

/** What people can do to a device, by what it is now; null: it is so already, and nothing happens. */
const transitions: Record<StatusChange, Record<DeviceStatus, DeviceStatus | null | 'refused'>> = {
  revoke: { active: 'revoked', paused: 'revoked', revoked: null },
  // Back to active with the token it has: a device that was stolen should enrol again instead.
  restore: { active: null, paused: null, revoked: 'active' },
  pause: { active: 'paused', paused: null, revoked: 'refused' },
  resume: { active: null, paused: 'active', revoked: 'refused' },
}

export type StatusChange = 'revoke' | 'restore' | 'pause' | 'resume'

/**
 * Revokes, restores, pauses or resumes a device, from its next request on.
 * @throws AppError `not_found`, `conflict` for pausing or resuming a revoked one
 */
export async function changeDeviceStatus(
  actor: Actor,
  change: StatusChange,
  device: { id: string; reason?: string; traceId?: string },
): Promise<DeviceDetail> {
  authorise(actor, 'admin')
  const { id, reason, traceId } = device
  const changed = await changing(async (db) => {
    const known = await lockForChange(db, id)
    if (!known) throw new AppError('not_found', 'There is no such device.')
    const next = transitions[change][known.status as DeviceStatus]
    if (next === 'refused') throw new AppError('conflict', 'This device is revoked. Restore it first.')
    if (next === null) return false
    await setStatus(db, id, next)
    await appendAudit(db, [
      {
        actor,
        action: `device.${change}`,
        target: 'device',
        targetId: id,
        reason: reason || undefined,
        before: { name: known.name, status: known.status },
        after: { name: known.name, status: next },
        traceId,
      },
    ])
    return true
  })
  if (changed) notifyChanged({ kinds: ['device', 'fleet', 'audit'] })
  return getDevice(actor, id)
}
