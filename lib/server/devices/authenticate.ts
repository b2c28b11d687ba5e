import { AppError } from '#lib/protocol/errors.ts'
import { findApiKey } from '../api-keys/authenticate.ts'
import { bearerToken, hashToken, sameHash } from '../tokens.ts'
import { selectDeviceByToken, touchLastSeen, type DeviceIdentity } from './store.ts'

/** The device whose token came with the request, as it is in the database at this moment. */
export type AuthenticatedDevice = DeviceIdentity

/** @throws AppError `unauthenticated`, or `forbidden` for an API key, which opens the console API alone */
export async function authenticateDevice(headers: Headers): Promise<AuthenticatedDevice> {
  const token = bearerToken(headers)
  if (token === null) {
    throw new AppError('unauthenticated', 'Send the device token as Authorization: Bearer. Enrol to get one.')
  }
  const hash = hashToken(token)
  const found = await selectDeviceByToken(hash)
  if (found && sameHash(found.token_hash, hash)) return found.device
  if (await findApiKey(token)) {
    throw new AppError('forbidden', 'This is an API key. Devices use the token they got when they enrolled.')
  }
  throw new AppError('unauthenticated', 'This device token is not valid, or no longer. Enrol again.')
}

/**
 * Refuses a device that was revoked, and notes that it still talks: its health tells.
 * @throws AppError `device_revoked`
 */
export async function refuseRevoked(device: AuthenticatedDevice): Promise<void> {
  if (device.status !== 'revoked') return
  await touchLastSeen(device.id)
  throw new AppError(
    'device_revoked',
    'This device was revoked. Ask an administrator to restore it; keep its queue.',
  )
}
