import { z } from 'zod'
import { fieldChanges } from '#lib/core/field-diff.ts'
import type { RecordVersion } from '#lib/protocol/console.ts'
import { instant } from '#lib/protocol/instant.ts'
import { authorise, type Actor } from '../actor.ts'
import { decodeCursor, encodeCursor, pageQuery, type Page } from '../list/page.ts'
import { findRecord } from './read.ts'
import { selectVersions, type VersionRow } from './store.ts'

export const historyQuerySchema = z.object({ ...pageQuery, scope: z.string().max(200).optional() })

const placeSchema = z.tuple([instant, z.int(), z.int()])

/**
 * Everything that happened to a record, newest first: who, which operation, which rule, what was lost, per field; also
 * operations that left it as it was.
 * @throws AppError `not_found`, `ambiguous`
 */
export async function listHistory(
  actor: Actor,
  record: { table: string; id: string },
  query: z.input<typeof historyQuerySchema>,
): Promise<Page<RecordVersion>> {
  authorise(actor, 'viewer')
  const { limit, cursor, scope } = historyQuerySchema.parse(query)
  const { scope: foundScope } = await findRecord({ ...record, scope })
  const place = decodeCursor(cursor, placeSchema)
  const after = place && { at: place[0], version: place[1], ordinal: place[2] }
  const { rows, total } = await selectVersions({ ...record, scope: foundScope }, { limit: limit + 1, after })
  const last = rows.at(limit - 1)
  return {
    items: rows.slice(0, limit).map(toVersion),
    next_cursor:
      rows.length > limit && last
        ? encodeCursor([last.committed_at.toISOString(), last.after_version, last.ordinal])
        : null,
    total,
  }
}

function toVersion(row: VersionRow): RecordVersion {
  return {
    at: row.committed_at.toISOString(),
    scope: row.scope,
    version: row.after_version,
    before_version: row.before_version,
    operation: row.operation,
    effect: row.effect,
    outcome: row.outcome,
    by: { kind: row.actor_kind, id: row.actor_id, name: row.actor_name },
    op_id: row.op_id,
    rule: row.rule,
    lost: row.lost ?? [],
    conflict_id: row.conflict_id,
    dead_letter_id: row.dead_letter_id,
    data: row.data,
    changes:
      row.effect === 'NONE' || row.effect === 'LEAVE'
        ? []
        : fieldChanges(row.before_data ?? {}, row.data ?? {}),
    checksum: row.checksum,
    hlc: row.hlc,
    vector: row.vector,
    trace_id: row.trace_id,
  }
}
