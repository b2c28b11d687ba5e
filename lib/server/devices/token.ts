import { hashToken } from '../tokens.ts'
import { selectDeviceByToken } from './store.ts'

/** Whether this is the token of a device: true of a revoked one too. */
export async function isDeviceToken(token: string): Promise<boolean> {
  return (await selectDeviceByToken(hashToken(token))) !== null
}
