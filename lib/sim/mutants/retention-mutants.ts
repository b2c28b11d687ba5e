import type { Mutant } from './mutants.ts'

const rates = { compaction: 3, forgotten_answers: 3, lose_reply: 3, offline: 3, clone: 2 }

/** Bugs of what time takes. */
export const retentionMutants: readonly Mutant[] = [
  {
    name: 'answers are forgotten, and the stream does not know how far',
    file: 'lib/sim/model/retention.ts',
    find: `pruned_until_ms: Math.max(stream.pruned_until_ms ?? 0, ...gone.map(oldUntilMs)),`,
    replace: `pruned_until_ms: stream.pruned_until_ms ?? 0,`,
    rates,
  },
  {
    name: 'an answer is forgotten while its operation is young by its id',
    file: 'lib/sim/model/retention.ts',
    find: `Math.max(created_ms, madeAtMs(op_id) ?? 0)`,
    replace: `created_ms + (madeAtMs(op_id) === 0 ? 1 : 0)`,
    rates: { ...rates, clock_skew: 3 },
  },
  {
    name: 'what an earlier life may have had answered is taken as new',
    file: 'lib/core/stream.ts',
    find: `} else if (isForgotten(stream, arrival)) {`,
    replace: `} else if (isForgotten(stream, arrival) && seq < 0) {`,
    rates,
  },
  {
    name: 'an expired token covers whatever the log no longer has',
    file: 'lib/sim/model/feed-pages.ts',
    find: `return known?.after_version !== version && seq >= (tables.get('heads', scope)?.min_seq ?? 0)`,
    replace: `return known?.after_version !== version`,
    rates: { compaction: 1 },
  },
  {
    name: 'a delta is served on a token from before the checkpoint',
    file: 'lib/server/sync/history.ts',
    find: `if (seq < min_seq) {`,
    replace: `if (seq < min_seq - 1_000) {`,
    rates: { compaction: 1 },
  },
  {
    name: 'compaction takes the last state of a record along',
    file: 'lib/sim/model/retention.ts',
    find: `change.after_version < by.after_version`,
    replace: `change.after_version <= by.after_version`,
    rates,
  },
]
