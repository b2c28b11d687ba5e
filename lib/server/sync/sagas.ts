import type { Refusal } from '#lib/core/decide.ts'
import { beginSaga, holdStep, misfit, setBack, stepApplied, type Saga } from '#lib/core/saga.ts'
import type { Operation } from './batch.ts'
import type { ReadChange, SagaOfChange } from './read-changes.ts'
import type { GivenUp } from './reported-dead-letters.ts'
import type { LoadedSaga, SagaRow, SagaStepRow } from './saga-rows.ts'
import { sentText } from './sent-text.ts'
import type { FeedChangeRow } from './store.ts'

type Entry = {
  saga: Saga
  deviceId: string
  /** 0: it is not in the database yet. */
  revision: number
  tables: Set<string>
  scopes: Set<string>
  isTouched: boolean
}

/** The sagas a batch has to do with: as they were loaded, and as its operations left them. */
export class Sagas {
  readonly #entries: Map<string, Entry>
  readonly #steps = new Map<string, SagaStepRow>()
  readonly #deviceId: string | null
  readonly #schemaVersion: number
  readonly #retryOf: string | null

  constructor(
    loaded: readonly LoadedSaga[],
    by: { deviceId: string | null; schemaVersion: number; retryOf?: string | null | undefined },
  ) {
    this.#entries = new Map(loaded.map((row) => [row.id, entryOf(row)]))
    this.#deviceId = by.deviceId
    this.#schemaVersion = by.schemaVersion
    this.#retryOf = by.retryOf ?? null
  }

  /** Why a change may not be decided as the step it says it is; null where it may, or is of no saga. */
  hold({
    saga: step,
    change,
  }: ReadChange): Refusal<'invalid_change' | 'saga_aborted' | 'dependency_pending'> | null {
    if (!step) return null
    const entry = this.#find(step)
    if (!entry) return foreign
    const wrong = misfit(entry.saga, step)
    if (wrong) return wrong
    // A step that only waits makes its saga known: if the one before it never comes, the saga still ends.
    if (!this.#entries.has(step.id)) this.#keep(step.id, entry, change)
    return holdStep(entry.saga, step)
  }

  /** A step was accepted. @param written what it wrote into the log; null where the record stayed as it was */
  applied(operation: Operation, outcome: string, written: FeedChangeRow | null): void {
    const { read, change } = operation
    if (!read.saga) return
    const entry = this.#find(read.saga)
    if (!entry) return
    entry.saga = stepApplied(entry.saga, written !== null)
    this.#keep(read.saga.id, entry, change)
    this.#addStep(read.saga, read, {
      ...{ state: 'applied', outcome, seq: operation.seq },
      before_version: written?.before_version ?? null,
      after_version: written?.after_version ?? null,
    })
  }

  /**
   * A change was refused for good, or ended in conflict: its saga is set back, unless it is no step of it.
   * @param ended.seq null where it has no place in the stream: then there is no answer, and its dead letter alone tells
   */
  failed(
    read: ReadChange,
    ended: { code: string; seq: number | null; conflictId?: string | null; deadLetterId?: string | null },
  ): void {
    const { saga: step, change } = read
    const entry = step && this.#find(step)
    if (!entry || misfit(entry.saga, step)) return
    const wasRunning = entry.saga.state === 'running'
    entry.saga = setBack(entry.saga, { cause: 'step_failed', step: step.step, code: ended.code })
    if (wasRunning) this.#keep(step.id, entry, change)
    this.#addStep(step, read, {
      ...{ state: wasRunning ? 'failed' : 'aborted', outcome: ended.code, seq: ended.seq },
      ...{ conflict_id: ended.conflictId ?? null, dead_letter_id: ended.deadLetterId ?? null },
    })
  }

  /** The device gave an operation up that was not answered for good: the same, where it was the step of a saga. */
  givenUp({ read, sagaId, code, deadLetterId }: GivenUp): void {
    if (read?.saga) return this.failed(read, { code, seq: null, deadLetterId })
    const entry = sagaId === null ? undefined : this.#entries.get(sagaId)
    if (!entry || entry.deviceId !== this.#deviceId || entry.saga.state !== 'running') return
    entry.saga = setBack(entry.saga, { cause: 'step_failed', step: entry.saga.applied + 1, code })
    this.#keep(sagaId!, entry, null)
  }

  rows(): SagaRow[] {
    return [...this.#entries].flatMap(([id, { saga, deviceId, revision, tables, scopes, isTouched }]) =>
      isTouched
        ? [
            {
              ...{ id, device_id: deviceId, revision, tables: [...tables], scopes: [...scopes] },
              ...{ reason: null, retry_of: this.#retryOf, progressed: true, ...rowOf(saga) },
            },
          ]
        : [],
    )
  }

  steps(): SagaStepRow[] {
    return [...this.#steps.values()]
  }

  /** The saga a change names, begun where it is new; null where it is another device's. */
  #find({ id, steps }: SagaOfChange): Entry | null {
    const entry = this.#entries.get(id)
    if (entry) return entry.deviceId === this.#deviceId ? entry : null
    if (this.#deviceId === null) return null
    return {
      ...{ saga: beginSaga(steps), deviceId: this.#deviceId, revision: 0, isTouched: false },
      ...{ tables: new Set(), scopes: new Set() },
    }
  }

  #keep(id: string, entry: Entry, change: ReadChange['change']): void {
    entry.isTouched = true
    if (change) {
      entry.tables.add(change.table)
      entry.scopes.add(change.scope)
    }
    this.#entries.set(id, entry)
  }

  #addStep(
    { id, step }: SagaOfChange,
    { raw, opId, recordId, change, schemaVersion }: ReadChange,
    { seq, ...end }: Pick<SagaStepRow, 'state' | 'outcome' | 'seq'> & Partial<SagaStepRow>,
  ): void {
    const key = `${id} ${step}`
    if (this.#steps.has(key)) return
    this.#steps.set(key, {
      ...{ saga_id: id, step, op_id: opId, seq: this.#retryOf ? null : seq, record_id: recordId },
      ...{
        scope: change?.scope ?? null,
        from_scope: change?.from_scope ?? null,
        table: change?.table ?? null,
      },
      ...{ operation: change?.operation ?? null, change: sentText(raw) },
      schema_version: schemaVersion ?? this.#schemaVersion,
      ...{ before_version: null, after_version: null, conflict_id: null, dead_letter_id: null },
      ...end,
    })
  }
}

const foreign: Refusal<'invalid_change'> = {
  code: 'invalid_change',
  detail: 'The saga belongs to another device.',
  errors: [{ pointer: '/saga/id', detail: 'belongs to another device' }],
}

/** A saga as decisions take it. */
export function sagaOf(row: LoadedSaga): Saga {
  const { state, steps, applied, blocked, cause } = row
  return {
    ...{ state, steps, applied, blocked, cause },
    ...{ toUndo: row.to_undo, failedStep: row.failed_step, failedCode: row.failed_code },
  }
}

/** The part of a saga that decisions change, as it is written. */
export function rowOf(saga: Saga) {
  const { state, steps, applied, blocked, cause, toUndo, failedStep, failedCode } = saga
  return {
    ...{ state, steps, applied, blocked, cause },
    ...{ to_undo: toUndo, failed_step: failedStep, failed_code: failedCode },
  }
}

function entryOf(row: LoadedSaga): Entry {
  return {
    ...{ saga: sagaOf(row), deviceId: row.device_id, revision: row.revision, isTouched: false },
    ...{ tables: new Set(), scopes: new Set() },
  }
}
