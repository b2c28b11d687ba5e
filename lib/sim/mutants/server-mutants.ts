import type { Mutant } from './mutants.ts'

/** Bugs of the sync engine. */
export const serverMutants: readonly Mutant[] = [
  {
    name: 'the token covers more than was returned',
    file: 'lib/server/sync/pull.ts',
    find: `next.positions.set(scope, reached?.seq ?? seq)`,
    replace: `next.positions.set(scope, page.standing.find((each) => each.scope === scope).head)`,
  },
  {
    name: 'the base is taken from base_version, despite base_op_id',
    file: 'lib/server/sync/record-states.ts',
    find: `    if (operation?.recordId === key.id && operation.table === key.table) {
      const { data, standsOn }`,
    replace: `    if (operation === null) {
      const { data, standsOn }`,
  },
  {
    name: 'an operation is known by its op_id alone, whatever it says',
    file: 'lib/core/stream.ts',
    find: `if (before?.ownDevice && before.hash === hash) {`,
    replace: `if (before?.ownDevice) {`,
    rates: { clone: 6, device_restored: 6, offline: 4 },
  },
  {
    name: 'what was damaged on its way counts as what was answered',
    file: 'lib/core/stream.ts',
    find: `if (before?.ownDevice && before.hash === hash) {`,
    replace: `if (before?.ownDevice && (before.hash === hash || damaged)) {`,
    // An older copy of the device says an operation otherwise, and that is damaged on its way.
    rates: { clone: 10, device_restored: 10, offline: 10, corrupt: 8, duplicate: 3 },
  },
  {
    name: 'a fork goes undetected',
    file: 'lib/core/stream.ts',
    find: `    } else if (wasAnswered) {
      return { kind: 'forked', acknowledgedSeq: stream.lastSeq }`,
    replace: `    } else if (wasAnswered) {
      places.set(index, { kind: 'retry', seq })`,
  },
  {
    name: 'the settlement of a conflict skips the feed',
    file: 'lib/server/sync/settle.ts',
    find: `effect: data === null ? 'DELETE' : 'UPSERT',`,
    replace: `effect: batch.context.conflictId ? 'NONE' : data === null ? 'DELETE' : 'UPSERT',`,
  },
  {
    name: 'the settlement of a conflict does not name it',
    file: 'lib/server/sync/feed-event.ts',
    find: `conflict_id: event.conflictId ?? context.conflictId ?? null,`,
    replace: `conflict_id: event.conflictId ?? null,`,
  },
  {
    name: 'a replay that fails closes its dead letter',
    file: 'lib/server/sync/write.ts',
    find: `...{ state: 'open', outcome: 'failed', code: answer.code, detail: answer.detail },`,
    replace: `...{ state: 'replayed', outcome: 'failed', code: answer.code, detail: answer.detail },`,
  },
  {
    name: 'a replay reuses the op_id',
    file: 'lib/sim/simulation/engine-hands.ts',
    find: `const change = { ...rest, op_id: this.#newId() }`,
    replace: `const change = { ...rest }`,
  },
  {
    name: 'last write wins with >=: ties go to whoever comes last',
    file: 'lib/core/merge.ts',
    find: `return order !== 0 ? order > 0 :`,
    replace: `return order >= 0 ? true :`,
  },
  {
    name: 'the losing value is not stored',
    file: 'lib/server/sync/settle.ts',
    find: `lost: lost.length > 0 ? lost : null,`,
    replace: `lost: null,`,
  },
  {
    name: 'a superseded operation leaves no trace',
    file: 'lib/server/sync/settle.ts',
    find: `      feedEvent(batch, operation, {
        ...{ effect: 'NONE', outcome: 'superseded', lost: decision.lost },
        ...unmoved(operation),
      })`,
    replace: ``,
  },
  {
    name: 'a batch that was overtaken is decided again, and answered as at first',
    file: 'lib/server/sync/push.ts',
    find: `const { answers } = decided`,
    replace: `const answers = firstAnswers(sent, decided.answers)`,
  },
  {
    name: 'a clock may run ahead as far as it likes',
    file: 'lib/core/admit.ts',
    find: `  if (ahead > maxSkewMs) {`,
    replace: `  if (ahead > Infinity) {`,
  },
  {
    name: 'revoked records do not leave the device',
    file: 'lib/server/sync/pull.ts',
    find: `.filter((scope) => !granted.has(scope))`,
    replace: `.filter((scope) => !granted.has(scope) && false)`,
  },
  {
    name: 'chain check is off',
    file: 'lib/server/sync/history.ts',
    find: `if (seq > 0 && known !== undefined && chain !== null && chainPrefix(chain) !== known) {`,
    replace: `if (seq < 0) {`,
    rates: { server_restored: 3 },
  },
  {
    name: 'a snapshot goes on with grants that are gone',
    file: 'lib/server/sync/snapshot.ts',
    find: `if (cursor.pins.some(([scope]) => !device.scopes.includes(scope))) {`,
    replace: `if (cursor.pins.length < 0) {`,
    rates: { resync: 8, revoke_scope: 8, delay: 3 },
  },
  {
    name: 'a record that moves leaves nothing in the scope it was in',
    file: 'lib/server/sync/settle.ts',
    find: `  if (moves && current) {`,
    replace: `  if (moves && !current) {`,
  },
  {
    name: 'an operation waits for whatever is still open, of any record',
    file: 'lib/server/sync/holes.ts',
    find: `        hole.record_id === change.record_id &&
        hole.table === change.table &&`,
    replace: `        hole.record_id !== null &&`,
  },
  {
    name: 'a counter is joined by its sum',
    file: 'lib/core/crdt/counts.ts',
    find: `    if (count > countOf(joined, slot)) joined[slot] = count`,
    replace: `    joined[slot] = countOf(joined, slot) + count`,
    rates: { edit_fields: 3 },
  },
  {
    name: 'a set forgets what one side alone removed',
    file: 'lib/core/crdt/or-set.ts',
    find: `return orSetOf(entries, new Set([...a.removed, ...b.removed]))`,
    replace: `return orSetOf(entries, new Set(a.removed.filter((tag) => b.removed.includes(tag))))`,
    rates: { edit_fields: 3 },
  },
  {
    name: 'a register keeps what came last, whenever it was set',
    file: 'lib/core/crdt/lww-register.ts',
    find: `merge: (a, b) => (isLater(a, b) ? a : b),`,
    replace: `merge: (_, b) => b,`,
    rates: { edit_fields: 3 },
  },
  {
    name: 'the edit of a text is not moved over those it did not see',
    file: 'lib/core/text/merge.ts',
    find: `    applied = transformOwn(applied, concurrent)`,
    replace: `    applied = transformOwn(applied, [])`,
    rates: { edit_fields: 3 },
  },
  {
    name: 'a choice of people takes back what was counted',
    file: 'lib/server/sync/decide-batch.ts',
    find: `const joined = data && joinPlaces(policy, data, current?.data ?? null)`,
    replace: `const joined = data`,
    rates: { edit_fields: 3, resolve: 3 },
  },
  {
    name: 'a record that an edit brings back has lost what was counted',
    file: 'lib/core/concurrent.ts',
    find: `const data = joinPlaces(policy, edit.data, current.lastData ?? null)`,
    replace: `const data = edit.data`,
    rates: { edit_fields: 3, put: 3 },
  },
  {
    name: 'an older app takes away what it does not know',
    file: 'lib/core/upcast.ts',
    find: `if (known !== null) return keepUnknown(raised, written, present, known)`,
    replace: `if (known !== null) return raised`,
    rates: { app_versions: 3 },
  },
  {
    name: 'a dead letter is replayed in the schema of today',
    file: 'lib/sim/simulation/engine-hands.ts',
    find: `schemaVersion: edited ? undefined : letter.schema_version,`,
    replace: `schemaVersion: undefined,`,
    rates: { app_versions: 3 },
  },
  {
    name: 'a dead letter stays open though its device sent it again',
    file: 'lib/server/sync/letters.ts',
    find: `      if (!this.#isReplayed(opId)) this.#sent.set(opId, {`,
    replace: `      if (isKept) this.#sent.set(opId, {`,
  },
]
