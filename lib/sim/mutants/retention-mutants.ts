import type { Mutant } from './mutants.ts'

const rates = { compaction: 3, forgotten_answers: 3, lose_reply: 3, offline: 3, clone: 2 }

/** Bugs of what time takes. */
export const retentionMutants: readonly Mutant[] = [
  {
    name: 'answers are forgotten, and the stream does not know how far',
    file: 'lib/sim/model/retention.ts',
    find: `pruned_seq: Math.max(stream.pruned_seq, ...gone.map(({ seq }) => seq)),`,
    replace: `pruned_seq: stream.pruned_seq,`,
    rates,
  },
  {
    name: 'what an earlier life may have had answered is taken as new',
    file: 'lib/core/stream.ts',
    find: `} else if (isForgotten(stream, arrival)) {`,
    replace: `} else if (isForgotten(stream, arrival) && seq < 0) {`,
    rates,
  },
  {
    name: 'a delta is served on a token from before the checkpoint',
    file: 'lib/server/sync/history.ts',
    find: `if (seq < min_seq) {`,
    replace: `if (seq < min_seq - 1_000) {`,
    rates,
  },
  {
    name: 'compaction takes the last state of a record along',
    file: 'lib/sim/model/retention.ts',
    find: `change.after_version < by.after_version`,
    replace: `change.after_version <= by.after_version`,
    rates,
  },
]
