import type { Answer } from './answers.ts'
import type { DigestReport } from './digest-check.ts'
import type { SyncFailure } from './failure.ts'
import type { RecordKey } from './stored.ts'

/** What one request and its answer came to. */
export interface RoundResult {
  readonly accepted: number
  readonly conflicts: number
  readonly rejected: number
  readonly pulled: number
  readonly answers: readonly Answer[]
  readonly touched: readonly RecordKey[]
  readonly hasMore: boolean
  /** The answers were taken in, but the reply was not all it should have been: the rest has to come again. */
  readonly failure: SyncFailure | null
  /** How long the server wants to be left alone before the next request. */
  readonly pauseMs: number
  /** Set where the rows were compared with the server's. */
  readonly digest: DigestReport | null
}

/** A round after which there is another. */
export const NOTHING: RoundResult = {
  accepted: 0,
  conflicts: 0,
  rejected: 0,
  pulled: 0,
  answers: [],
  touched: [],
  hasMore: true,
  failure: null,
  pauseMs: 0,
  digest: null,
}
