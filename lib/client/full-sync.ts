import type { Exchange } from './exchange.ts'
import { SyncFailure } from './failure.ts'
import { readIdentity } from './identity.ts'
import { isIntact } from './integrity.ts'
import { transact, type Kernel } from './kernel.ts'
import { snapshotReplySchema } from './replies.ts'
import { handBackSeen, scopesOf } from './review.ts'
import { readRow, readRowsDocument } from './rows.ts'
import { applySnapshotPage, beginSnapshot, purgeGarbage } from './snapshot.ts'
import { openStamps } from './stamps.ts'
import { scopePrefix, type RecordKey } from './stored.ts'
import type { Unit } from './unit.ts'

/**
 * Gets and takes in one page of a full sync.
 * @returns the records of the page; none where the full sync had to begin again
 * @throws SyncFailure when the page did not arrive whole
 */
export async function takeSnapshotPage(
  kernel: Kernel,
  exchange: Exchange,
  cursor: string | null,
): Promise<readonly RecordKey[]> {
  // What an earlier attempt left takes the room that this one needs.
  if (cursor === null) await purgeGarbage(kernel)
  const { token } = await transact(kernel, readIdentity)
  const query = cursor === null ? '' : `?cursor=${encodeURIComponent(cursor)}`
  const request = {
    method: 'GET',
    path: `/api/v1/snapshot${query}`,
    token,
    reply: snapshotReplySchema,
  } as const
  const page = await exchange(request).catch(async (error: unknown) => {
    if (!(error instanceof SyncFailure) || error.code !== 'cursor_expired') throw error
    await transact(kernel, (unit) => beginSnapshot(unit, 'cursor_expired', { anew: true }))
    return null
  })
  if (!page) return []
  if (!page.items.every((item) => isIntact(item, kernel.sha256Hex))) {
    throw new SyncFailure('corrupt_reply', 'a row in the snapshot does not match its checksum')
  }
  const isComplete = await transact(kernel, async (unit) => {
    const { deviceId } = await readIdentity(unit)
    const stamps = await openStamps(unit, kernel.clock, deviceId)
    const isLast = await applySnapshotPage(unit, stamps, page, kernel.clock.nowMs())
    stamps.save()
    if (isLast) await handBackFetched(kernel, unit, page.items)
    return isLast
  })
  if (isComplete) await purgeGarbage(kernel)
  return page.items.map(({ scope, table, record_id }) => ({ scope, table, id: record_id }))
}

/** Edits that were set aside go back where the full sync brought their place into view again. */
async function handBackFetched(
  kernel: Kernel,
  unit: Unit,
  lastPage: readonly { readonly scope: string }[],
): Promise<void> {
  const items = (await unit.scan('review', {})).map((entry) => entry.value)
  const { generation } = await readRowsDocument(unit)
  const { scopes: granted } = await readIdentity(unit)
  const records = new Set<string>()
  const arrivals = new Set<string>()
  const scopes = new Set(lastPage.map(({ scope }) => scope))
  for (const item of items) {
    if ((await readRow(unit, item))?.server) records.add(item.opId)
    for (const scope of granted)
      if ((await readRow(unit, { ...item, scope }))?.server) arrivals.add(item.opId)
    for (const scope of scopesOf(item)) {
      const rows = await unit.scan('records', { prefix: scopePrefix(generation, scope), limit: 1 })
      if (rows.length > 0) scopes.add(scope)
    }
  }
  await handBackSeen(kernel, unit, {
    hasRecord: ({ opId }) => records.has(opId),
    hasArrival: ({ opId }) => arrivals.has(opId),
    hasScope: (scope) => scopes.has(scope),
    isGranted: (scope) => scopes.has(scope),
  })
}
