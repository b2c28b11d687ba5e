import type { Mutant } from './mutants.ts'

/** Bugs of the device library. */
export const clientMutants: readonly Mutant[] = [
  {
    name: 'a page that arrived damaged is passed over',
    file: 'lib/client/take-reply.ts',
    find: `if (!reply.resync && isPageIntact) answers`,
    replace: `if (!reply.resync && !isPageIntact) unit.putMeta('feed', { token: reply.sync_token, epoch: reply.epoch, lastSyncAtMs: 0 })
      if (!reply.resync && isPageIntact) answers`,
  },
  {
    name: 'the last change of a page is left out',
    file: 'lib/client/take-reply.ts',
    find: `for (const change of reply.server_changes) {`,
    replace: `for (const change of reply.server_changes.slice(0, reply.server_changes.length > 3 ? -1 : undefined)) {`,
  },
  {
    name: 'the new rows of a full sync show before the last page',
    file: 'lib/client/snapshot.ts',
    find: `unit.putMeta('rows', { ...rows, snapshot: { ...rows.snapshot, cursor: page.next_cursor } })`,
    replace: `unit.putMeta('rows', { ...rows, generation, snapshot: { ...rows.snapshot, cursor: page.next_cursor } })`,
  },
  {
    name: 'what the device has to say is dropped at a full sync',
    file: 'lib/client/snapshot.ts',
    find: `if (isSilent && old.movedTo == null) continue`,
    replace: `if (old.pending.length > 0 || old.conflicts.length > 0) continue`,
    rates: { resync: 5 },
  },
  {
    name: 'a full sync keeps conflicts that were settled',
    file: 'lib/client/snapshot.ts',
    find: `(open?.includes(conflictId) ?? true)`,
    replace: `open !== null`,
    rates: { resync: 15, resolve: 3, offline: 8, same_id: 8, put: 3 },
  },
  {
    name: 'an operation that was sent takes new content',
    file: 'lib/client/edits.ts',
    find: `  if (last && !last.wasSent && !isApart) {`,
    replace: `  if (last && !isApart) {`,
  },
  {
    name: 'older news replaces newer',
    file: 'lib/client/rows.ts',
    find: `return known !== null && known.version > heard.version ? known : heard`,
    replace: `return heard`,
  },
  {
    name: 'a deleted record is forgotten before the feed has passed its deletion',
    file: 'lib/client/rows.ts',
    find: `if (row.server === null || row.server.data !== null) return writeRow(unit, row)`,
    replace: `if (row) return writeRow(unit, row)`,
  },
  {
    name: 'news that a record left is taken after it came back',
    file: 'lib/client/server-changes.ts',
    find: `if ((row.server?.version ?? 0) > change.version) return key`,
    replace: ``,
    rates: { move: 12, delay: 3, lose_reply: 3 },
  },
  {
    name: 'an operation that a twin left open is waited for',
    file: 'lib/client/take-reply.ts',
    find: `if (summary.strays > 0 && prepared.deadLetters.length === 0) {`,
    replace: `if (summary.strays < 0) {`,
    rates: { clone: 8, device_restored: 10, corrupt: 8, offline: 5, lose_reply: 4 },
  },
  {
    name: 'a device that never had a token cannot be told to load everything',
    file: 'lib/client/replies.ts',
    find: `sync_token: z.string().nullable(),`,
    replace: `sync_token: z.string(),`,
  },
  {
    name: 'a fork drops what was not answered',
    file: 'lib/client/queue.ts',
    find: `    writeOperation(unit, { ...operation, seq: null, hole: null })`,
    replace: `    unit.delete('operations', numberKey(operation.ordinal))`,
  },
  {
    name: 'an edit that is refused is sent under a new id for ever',
    file: 'lib/client/answers.ts',
    find: `operation.isShared && isIdTaken(no)`,
    replace: `operation.isShared && no.code === 'invalid_change'`,
    rates: { edit_fields: 3, clone: 5, device_restored: 5, clock_jump: 5, clock_skew: 3 },
  },
  {
    name: 'copies of a device count in one slot',
    file: 'lib/client/counters.ts',
    find: `const slot = isWhole ? known.slot : slotOf(deviceId, random.bytes(8))`,
    replace: `const slot = isWhole ? known.slot : slotOf(deviceId, new Uint8Array(8))`,
    rates: { edit_fields: 3, clone: 6, device_restored: 6 },
  },
]
