import { recordChecksum } from '#lib/protocol/checksum.ts'
import { readIdentity } from './identity.ts'
import { transact, type Kernel } from './kernel.ts'
import { rehome } from './rehome.ts'
import type { ReadServerChange } from './replies.ts'
import { setAside, setAsideUnsent } from './review.ts'
import { emptyRow, newerState, readPending, readRow, readRowsDocument, settled, writeRow } from './rows.ts'
import type { Stamps } from './stamps.ts'
import {
  generationPrefix,
  recordKey,
  scopePrefix,
  type ConflictMark,
  type RecordKey,
  type StoredRecord,
} from './stored.ts'
import type { Unit } from './unit.ts'

/** What is known of a record that leaves. */
interface Departure {
  /** The scope of this device's that it went to. */
  readonly toScope?: string | null
  /** This device's conflicts that are not settled yet, where the feed of the scope it leaves may have told of one that is. */
  readonly openConflicts?: readonly string[] | undefined
}

/**
 * Takes one change of the feed into the unit. A record with edits of this device's own keeps
 * showing them; the server's state is remembered beneath.
 */
export async function applyServerChange(
  kernel: Kernel,
  unit: Unit,
  stamps: Stamps,
  change: ReadServerChange,
  departure: Departure = {},
): Promise<RecordKey> {
  const nowMs = kernel.clock.nowMs()
  const key = { scope: change.scope, table: change.table, id: change.record_id }
  if (change.hlc) stamps.observe(change.hlc)
  const row = (await readRow(unit, key)) ?? emptyRow(key)
  if (change.operation === 'LEAVE') {
    // It left, and came back by an answer that overtook this news.
    if ((row.server?.version ?? 0) > change.version) return key
    const { toScope = null, openConflicts } = departure
    const conflicts = stillOpen(row.conflicts, openConflicts)
    if (toScope !== null && (row.pending.length > 0 || conflicts.length > 0))
      await rehome(unit, settled({ ...row, conflicts, server: null, isBuried: false }), toScope)
    else await leave(unit, { ...row, conflicts }, nowMs)
    return key
  }
  const data = change.operation === 'DELETE' ? null : change.data
  const { version, hlc = null } = change
  const checksum = change.checksum ?? recordChecksum(data, kernel.sha256Hex)
  const state = { version, data, hlc, checksum }
  // The settlement of a conflict names it; until then the device keeps its own version in view.
  const conflicts =
    change.conflict_id == null
      ? row.conflicts
      : row.conflicts.filter((mark) => mark.conflictId !== change.conflict_id)
  await writeRow(
    unit,
    settled({ ...row, server: newerState(row.server, state), conflicts, updatedAtMs: nowMs }),
  )
  if (change.conflict_id != null) await settleElsewhere(unit, key, change.conflict_id)
  return key
}

/** What is settled is told by the feed alone, and not every feed is read to its end. @param open left out, nobody knows */
export function stillOpen(
  marks: readonly ConflictMark[],
  open: readonly string[] | undefined,
): readonly ConflictMark[] {
  return marks.filter(({ conflictId }) => !conflictId || (open?.includes(conflictId) ?? true))
}

/** A record that moved while this device did not look took its conflict along: the mark may still be where it was. */
async function settleElsewhere(unit: Unit, { scope, ...key }: RecordKey, conflictId: string): Promise<void> {
  const { scopes } = await readIdentity(unit)
  for (const other of scopes) {
    const row = other === scope ? undefined : await readRow(unit, { ...key, scope: other })
    const conflicts = row?.conflicts.filter((mark) => mark.conflictId !== conflictId)
    if (row && conflicts?.length !== row.conflicts.length) {
      await writeRow(unit, settled({ ...row, conflicts: conflicts ?? [] }))
    }
  }
}

/** Rows looked at in one go; more would hold the lock for too long. */
const LEAVING_ROWS = 200

/**
 * Rows of scopes that are not granted any more leave. The feed tells of them where the device's token has the scope; an
 * answer that was taken without its page put one there that no token ever had.
 * @param granted as of a reply after which nothing more is to come
 */
export async function leaveUngranted(kernel: Kernel, granted: readonly string[]): Promise<RecordKey[]> {
  const left: RecordKey[] = []
  let after: string | null = ''
  while (after !== null) {
    const from: string = after
    after = await transact(kernel, async (unit) => {
      const { generation } = await readRowsDocument(unit)
      const prefix = generationPrefix(generation)
      const [first] = await unit.scan('records', { prefix, after: from || prefix, limit: 1 })
      if (!first) return null
      const { scope } = first.value
      const end = `${scopePrefix(generation, scope)}\uffff`
      if (granted.includes(scope)) return end
      const rows = await unit.scan('records', {
        prefix: scopePrefix(generation, scope),
        ...{ after: from || prefix, limit: LEAVING_ROWS },
      })
      for (const { value: row } of rows) {
        // What was made there and never answered is refused, and set aside then.
        if (row.server === null && row.pending.length > 0) continue
        await leave(unit, row, kernel.clock.nowMs())
        left.push({ scope, table: row.table, id: row.id })
      }
      return rows.length < LEAVING_ROWS ? end : (rows.at(-1)?.key ?? end)
    })
  }
  return left
}

/**
 * The record left the device's scopes: the row goes. Edits that were never sent are kept for
 * somebody to look at. Those that were go again: the server counts on their seqs, or may have taken them already, and under
 * another id they would take effect twice.
 */
async function leave(unit: Unit, row: StoredRecord, nowMs: number): Promise<void> {
  const aside = { reason: 'left_scope', serverData: row.server?.data ?? null, atMs: nowMs } as const
  for (const operation of await readPending(unit, row)) {
    if (!operation.wasSent) await setAsideUnsent(unit, operation, aside)
  }
  for (const mark of row.conflicts) {
    // A conflict that a person will settle is kept by the server; one that was merely refused, by nobody else.
    if (mark.code === 'manual') continue
    const data = mark.wanted === undefined ? mark.mine : mark.wanted
    setAside(unit, { ...mark.edit, data, opId: mark.opId }, aside)
  }
  const { generation } = await readRowsDocument(unit)
  unit.delete('records', recordKey(generation, row))
}
