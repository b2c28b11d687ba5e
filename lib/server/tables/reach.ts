import type { TableReach } from '#lib/protocol/tables.ts'
import { authorise, type Actor } from '../actor.ts'
import { selectReach, selectReachTotals } from './reach-store.ts'

/** Scopes told of one by one; beyond them the totals speak. */
const shownScopes = 20

/** How far back the feeds reach that a table's records are in, and how many devices are too far back for them. */
export async function getReach(actor: Actor, table: string): Promise<TableReach> {
  authorise(actor, 'viewer')
  const [rows, totals] = await Promise.all([selectReach(table, shownScopes), selectReachTotals(table)])
  return {
    ...totals,
    last_compacted_at: totals.last_compacted_at?.toISOString() ?? null,
    items: rows.map(({ seq, begins_at: begins, compacted_at: compacted, ...row }) => ({
      ...row,
      head_seq: seq,
      begins_at: begins?.toISOString() ?? null,
      compacted_at: compacted?.toISOString() ?? null,
    })),
  }
}
