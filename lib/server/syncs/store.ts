import { database } from '../db.ts'
import type { SessionRow } from './session-row.ts'

/** One statement for the whole batch; see `record_syncs` in the migrations. */
export async function insertSessions(rows: SessionRow[]): Promise<void> {
  await database().$queryRaw`SELECT record_syncs(${JSON.stringify(rows)}::jsonb)::text`
}
