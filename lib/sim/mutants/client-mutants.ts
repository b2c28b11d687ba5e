import type { Mutant } from './mutants.ts'

/** Edits that would be news of what the bug hides. */
const fewKinds = {
  ...{ saga: 0, edit_fields: 0, set_register: 0, app_versions: 0 },
  ...{ app_move: 0, compaction: 0, forgotten_answers: 0 },
}

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
    find: `conflicts: stillOpen(old.conflicts, open)`,
    replace: `conflicts: old.conflicts`,
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
  {
    name: 'an answer that is given again is taken for news',
    file: 'lib/client/answers.ts',
    find: `!isHere || covered.has(opId) ?`,
    replace: `!isHere ?`,
    rates: { clone: 10, device_restored: 10, offline: 8, move: 8, put: 3, resync: 5 },
  },
  {
    name: 'a conflict that was settled is opened when its answer comes again',
    file: 'lib/client/answers.ts',
    find: `const marked = isSettled ? there : withMark(there, mark)`,
    replace: `const marked = withMark(there, mark)`,
    rates: { clone: 10, device_restored: 10, lose_reply: 5, same_id: 8, put: 5, resolve: 5 },
  },
  {
    name: 'what an answer left in a scope that was revoked stays',
    file: 'lib/client/take-reply.ts',
    find: `if (isCovering && reply.scopes) summary`,
    replace: `if (isCovering && !reply.scopes) summary`,
    rates: { corrupt: 12, revoke_scope: 5, offline: 5 },
  },
  {
    name: 'a conflict stays open where its record left while the device did not look',
    file: 'lib/client/server-changes.ts',
    find: `if (change.conflict_id != null) await settleElsewhere`,
    replace: `if (change.conflict_id === '') await settleElsewhere`,
    rates: { resync: 5, move: 8, same_id: 8, put: 3, resolve: 0 },
  },
  {
    name: 'what was answered since the last token that covers everything is not asked for',
    file: 'lib/client/journal.ts',
    find: `unprovenAfter: unprovenAfter !== null && unprovenAfter < before ? unprovenAfter : before,`,
    replace: `unprovenAfter,`,
    ...{ rates: { server_restored: 5, corrupt: 12, delay: 8, put: 5, resync: 0, ...fewKinds } },
    ...{ safetyMs: 50_000, editEveryMs: 20_000, devices: 3 },
  },
  {
    name: 'what left nothing in the feed is not asked for again',
    file: 'lib/client/journal.ts',
    find: `traceless: isTraced(answer) && isTold ? traceless : [...traceless, key],`,
    replace: `traceless,`,
    rates: { server_restored: 5, poison: 8, put: 0, move: 0, resync: 0, letter: 0, ...fewKinds },
    ...{ safetyMs: 40_000, devices: 1, editEveryMs: 5_000 },
  },
  {
    name: 'a restored server that knows the newest operation is taken to know those before it',
    file: 'lib/client/confirm.ts',
    find: `const lost = asked.filter(isLost).map(keyOfEntry)`,
    replace: `const lost = asked.slice(-1).filter(isLost).map(keyOfEntry)`,
    rates: { server_restored: 2, clone: 10, device_restored: 10 },
  },
  {
    name: 'a record whose move was set aside stays hidden where it is',
    file: 'lib/client/review.ts',
    find: `await forgetMove(unit, operation)`,
    replace: ``,
    rates: { app_move: 3, revoke_scope: 5, offline: 5 },
  },
  {
    name: 'what was set aside goes back in another order than it was made',
    file: 'lib/client/review.ts',
    find: `madeAs(a.edit) - madeAs(b.edit) ||`,
    replace: `madeAs(b.edit) - madeAs(a.edit) ||`,
    rates: { saga: 5, revoke_scope: 6, offline: 5 },
  },
  {
    name: 'an edit in a conflict is made on the operation in conflict, also where another was taken since',
    file: 'lib/client/edits.ts',
    find: `return mineOpId ?? opId`,
    replace: `return opId`,
    rates: { edit_fields: 4, resolve: 0, saga: 0, app_versions: 0 },
  },
]
