import { limits } from '#lib/protocol/sync.ts'
import type { MetaDocuments } from './stored.ts'
import type { Unit } from './unit.ts'

export type Identity = MetaDocuments['identity']

/** What a device keeps to before the server has told it otherwise. */
const DEFAULT_LIMITS: Identity['limits'] = {
  chunkChanges: limits.chunk_changes,
  chunkBytes: limits.chunk_bytes,
  maxRecordBytes: limits.max_record_bytes,
}

export function newIdentity(deviceId: string, incarnation: string): Identity {
  return { deviceId, incarnation, life: 1, token: null, scopes: [], tables: {}, limits: DEFAULT_LIMITS }
}

/** @throws Error before the device has been opened for the first time */
export async function readIdentity(unit: Unit): Promise<Identity> {
  const identity = await unit.meta('identity', newIdentity('', ''))
  if (identity.deviceId === '') throw new Error('this store does not hold a device yet')
  return identity
}
