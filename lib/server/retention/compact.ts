import { serverSecret } from '../sync/secret.ts'
import { signCheckpoint } from './checkpoint.ts'
import { digestState, raiseMinSeq, selectDueScopes, sweepFeed, type Ask } from './store.ts'

/** A checkpoint reads the state of its whole scope, so a scope gets one a day. */
const checkpointHours = 20
/** As many in one transaction as are gone in a fraction of a second. */
const batch = { commits: 1_000, changes: 5_000 }

export type Compacted = { checkpoints: number; commits: number }

/**
 * Compacts what is older than its scope's retention: raises `min_seq` to a signed checkpoint, then sweeps away what was
 * superseded below it, batch by batch. Ended at any point it goes on from there the next time, and two at once do no
 * harm: nothing is deleted above a checkpoint, and a checkpoint is there before anything below it goes.
 * @param ask runs statements without the application's time limit
 */
export async function compact(ask: Ask, options: { minAgeHours?: number } = {}): Promise<Compacted> {
  const compacted = { checkpoints: 0, commits: 0 }
  for (const { scope, minSeq, target } of await selectDueScopes(
    ask,
    options.minAgeHours ?? checkpointHours,
  )) {
    if (target > minSeq) {
      const checkpoint = await digestState(ask, scope, target)
      if (await raiseMinSeq(ask, checkpoint, signCheckpoint(checkpoint, serverSecret()))) {
        compacted.checkpoints++
      }
    }
    for (let swept = 1; swept > 0;) {
      swept = await sweepFeed(ask, scope, batch)
      compacted.commits += swept
    }
  }
  return compacted
}
