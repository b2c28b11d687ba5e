import type { Base } from '#lib/core/decide.ts'
import type { JsonObject } from '#lib/core/json.ts'
import type { TextEdits } from '#lib/core/text/fields.ts'
import type { Change, Outcome } from '#lib/protocol/sync.ts'
import type { KnownPolicy } from '../tables/policy-cache.ts'
import { Holes } from './holes.ts'
import { Letters } from './letters.ts'
import { OpenConflicts } from './open-conflicts.ts'
import type { ReadChange } from './read-changes.ts'
import { RecordStates, type PushedState, type RecordNow } from './record-states.ts'
import type { GivenUp } from './reported-dead-letters.ts'
import { Sagas } from './sagas.ts'
import type { ResentRow } from './settling-rows.ts'
import type { SagaRow, SagaStepRow } from './saga-rows.ts'
import type {
  AnswerKind,
  ConflictRow,
  DeadLetterRow,
  FeedChangeRow,
  Hole,
  Loaded,
  OpResultRow,
  RecordKey,
  SeenOperation,
} from './store.ts'

/** An answer as the device gets it: its text is kept, so that the same operation gets the same bytes for ever. */
export type Answer = {
  index: number
  kind: AnswerKind
  text: string
  table: string | null
  strategy: string | null
  outcome: Outcome | 'conflict' | 'rejected'
  code: string | null
  replayed: boolean
}

/** Everything that deciding a batch rests on beside the database. */
export type BatchContext = {
  deviceId: string | null
  incarnation: string | null
  granted: (scope: string) => boolean
  schemaVersion: number
  nowMillis: number
  policies: (table: string) => KnownPolicy | null
  newId: () => string
  /** Whether what the device knows of the feed is what this server has: `other` after a restore from a backup. */
  history: 'ours' | 'other'
  wasRestored: boolean
  /** The device has yet to send again what this server lost: an edit made on something unknown waits for that. */
  bringsLost?: boolean
  /** Annotations of the change a person or a replay makes. */
  conflictId?: string | null
  deadLetterId?: string | null
  /** A person's resolution is written as it is. */
  exact?: boolean
  /** The step of a saga that the change undoes: its data is the state before the step, its base the one after. */
  undoes?: { sagaId: string; step: number } | null
  /** The saga whose steps are sent again as a new one. */
  retryOf?: string | null
  /** What the device gave up. */
  givenUp?: readonly GivenUp[]
}

export type DecidedBatch = {
  answers: Answer[]
  changes: FeedChangeRow[]
  results: OpResultRow[]
  conflicts: ConflictRow[]
  deadLetters: DeadLetterRow[]
  holes: { open: Hole[]; close: number[] }
  restsOn: (RecordKey & { version: number })[]
  sagas: SagaRow[]
  sagaSteps: SagaStepRow[]
  resent: ResentRow | null
}

/** A batch while it is being decided: what it rests on, and what came of it so far. */
export type Batch = {
  readonly context: BatchContext
  readonly seen: ReadonlyMap<string, SeenOperation>
  readonly states: RecordStates
  readonly holes: Holes
  readonly conflicts: OpenConflicts
  readonly sagas: Sagas
  readonly letters: Letters
  readonly answers: Map<number, Answer>
  readonly changes: FeedChangeRow[]
  readonly results: OpResultRow[]
  readonly deadLetters: Map<string, DeadLetterRow>
}

/** An operation that may be decided, with what it was made on and what it meets. */
export type Operation = {
  read: ReadChange
  change: Change
  seq: number
  key: RecordKey
  base: Base
  current: RecordNow | undefined
  policy: KnownPolicy
  /** The change's data was brought up from an older schema. */
  isRaised: boolean
  /** Somebody replayed all of it already, as a dead letter. */
  isTaken: boolean
  /** The edits of its texts that the device tells. */
  textEdits: TextEdits
}

/** The record an operation is about: where it moves between scopes, the one it leaves. */
export function keyOfChange(change: Change): RecordKey {
  return { scope: change.from_scope ?? change.scope, table: change.table, id: change.record_id }
}

/** The keys of every record that a change, as it was sent, reads or writes. */
export function keysOfRead({ change }: ReadChange): RecordKey[] {
  if (!change) return []
  const key = keyOfChange(change)
  return key.scope === change.scope ? [key] : [key, { ...key, scope: change.scope }]
}

export function beginBatch(read: readonly ReadChange[], loaded: Loaded, context: BatchContext): Batch {
  const keys = read.flatMap(keysOfRead)
  return {
    context,
    seen: new Map((loaded.seen ?? []).map((seen) => [seen.op_id, seen])),
    states: new RecordStates(loaded, keys),
    holes: new Holes(loaded.holes ?? []),
    conflicts: new OpenConflicts(loaded.open_conflicts ?? [], context.newId),
    sagas: new Sagas(loaded.sagas ?? [], context),
    letters: new Letters(loaded.letters),
    answers: new Map(),
    changes: [],
    results: [],
    deadLetters: new Map(),
  }
}

export function endBatch(batch: Batch): DecidedBatch {
  return {
    answers: [...batch.answers.values()].toSorted((a, b) => a.index - b.index),
    changes: batch.changes,
    results: batch.results,
    conflicts: batch.conflicts.rows(),
    deadLetters: [...batch.deadLetters.values()],
    holes: batch.holes.changes(),
    restsOn: batch.states.restsOn(),
    sagas: batch.sagas.rows(),
    sagaSteps: batch.sagas.steps(),
    resent: batch.letters.row(batch.context.deviceId),
  }
}

/** Answers an operation. `facts` are what the records of the sync tell of it. */
export function answer(
  batch: Batch,
  { index, change }: ReadChange,
  kind: AnswerKind,
  text: string,
  facts: Partial<Answer> = {},
): void {
  const outcome = kind === 'accepted' ? 'applied' : kind === 'conflict' ? 'conflict' : 'rejected'
  batch.answers.set(index, {
    ...{ index, kind, text, table: change?.table ?? null, strategy: null, outcome, code: null },
    ...{ replayed: false, ...facts },
  })
}

/** What an operation pushed, for the edits that are made on top of it. */
type Pushed = Omit<PushedState, 'data' | 'since' | 'bridge'> & {
  data: JsonObject | null
  bridge?: TextEdits | null
  /** What nothing else tells of it as it was sent. */
  sent?: JsonObject | null
  /** Where the record is now; left out, where the change has it. */
  scope?: string
}

/** Answers an operation for ever. `pushed` is null where it could not be read. */
export function answerForGood(
  batch: Batch,
  { read, seq, opId }: { read: ReadChange; seq: number; opId: string },
  given: { kind: AnswerKind; text: string; facts: Partial<Answer> },
  pushed: Pushed | null,
): void {
  const { change, hash } = read
  answer(batch, read, given.kind, given.text, given.facts)
  if (change?.contains) {
    const { kind, facts } = given
    batch.letters.answered(change, { kind, code: facts.code }, batch.context.incarnation !== null)
  }
  if (pushed && change) {
    batch.states.pushed(opId, { table: change.table, id: change.record_id }, { bridge: null, ...pushed })
  }
  // Where the record took the state as it was sent, it is in the log already.
  const isInLog =
    pushed === null || (pushed.version !== null && pushed.standsOn === pushed.version && !pushed.sent)
  batch.results.push({
    ...{ seq, op_id: opId, hash, kind: given.kind, answer: given.text },
    ...{ scope: pushed?.scope ?? change?.scope ?? null, table: change?.table ?? null },
    record_id: change?.record_id ?? null,
    version: pushed?.version ?? null,
    pushed: isInLog
      ? null
      : {
          data: pushed.data,
          ...(pushed.bridge && { bridge: pushed.bridge }),
          ...(pushed.sent && { sent: pushed.sent }),
        },
    stands_on: pushed?.standsOn ?? null,
  })
}
