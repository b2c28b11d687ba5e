import { database, queryPrepared } from '../db.ts'

/** A device that asks to begin a full sync. `jitter` from 0 to 1 puts it a little off the others. */
export type Asking = { device: string; jitter: number }

export type Turn = {
  device: string
  admitted: boolean
  /** How many wait before it. */
  ahead: number
  /** 0 where it is admitted. */
  retry_after_ms: number
}

export function admitSnapshots(asks: readonly Asking[]): Promise<Turn[]> {
  return queryPrepared<Turn>(
    database(),
    { name: 'admit_snapshots', text: 'SELECT * FROM admit_snapshots($1::jsonb)' },
    [JSON.stringify(asks)],
  )
}

export async function holdSnapshot(deviceId: string, isLast: boolean): Promise<void> {
  await queryPrepared(
    database(),
    { name: 'hold_snapshot', text: 'SELECT hold_snapshot($1::uuid, $2::boolean)' },
    [deviceId, isLast],
  )
}
