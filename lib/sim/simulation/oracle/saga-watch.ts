import { isJsonObject } from '#lib/core/json.ts'
import type { SagaState } from '#lib/core/saga.ts'
import { recordKey, type ChangeRow, type SagaRecord, type StepRow, type Tables } from '../../model/tables.ts'
import type { Transaction } from '../../model/transaction.ts'
import type { Ledger } from './ledger.ts'
import type { LogWatch } from './log-watch.ts'
import type { Told } from './told.ts'
import { holdsNothingOf, plainPaths, undoingFault } from './undoings.ts'

/** Where a saga may go from each state, between two looks; from its ends nowhere. */
const next: Record<SagaState, readonly SagaState[]> = {
  running: ['running', 'completed', 'compensating', 'compensated', 'stuck'],
  completed: [],
  compensating: ['compensating', 'compensated', 'stuck'],
  compensated: [],
  stuck: ['stuck', 'compensating', 'compensated'],
}
const settled = new Set<string | null>(['restored', 'merged', 'nothing', 'settled'])

/** Sagas as they are committed: in order, whole or undone, and undone without harm to what others wrote. */
export class SagaWatch {
  readonly #sagas = new Map<string, SagaRecord>()
  readonly #steps = new Map<string, StepRow>()
  readonly #ledger: Ledger
  readonly #log: LogWatch

  constructor(ledger: Ledger, log: LogWatch) {
    this.#ledger = ledger
    this.#log = log
  }

  /** @param writes of a transaction that the log was not told of yet */
  committed({ writes }: Transaction, tables: Tables): void {
    for (const [key, step] of writes.steps) if (step) this.#step(key, step, writes, tables)
    for (const change of writes.changes.values()) {
      if (change?.rule['strategy'] === 'saga_compensation') this.#undoing(change, tables)
    }
    for (const saga of writes.sagas.values()) if (saga) this.#saga(saga, tables)
  }

  /** Goes on from what a restored database knows. */
  restored({ rows }: Tables): void {
    this.#sagas.clear()
    this.#steps.clear()
    for (const [key, row] of rows.sagas) this.#sagas.set(key, row)
    for (const [key, row] of rows.steps) this.#steps.set(key, row)
  }

  /** The last look: every saga came to an end, and one that is stuck says why. */
  ended(tables: Tables): void {
    for (const saga of tables.all('sagas')) {
      this.#ledger.scene.count(`saga ${saga.state}`)
      this.#ledger.check(
        'SagaEnds',
        saga.state !== 'running' && saga.state !== 'compensating',
        () => `${saga.id} is ${saga.state} at the end`,
      )
      this.#saysWhy(saga, tables)
    }
    for (const { undo } of tables.all('steps')) if (undo) this.#ledger.scene.count(`undo ${undo}`)
  }

  #step(key: string, step: StepRow, writes: Transaction['writes'], tables: Tables): void {
    const { check } = this.#ledger
    const { saga_id, step: number } = step
    const known = this.#steps.get(key)
    this.#steps.set(key, step)
    if (!known) {
      const state = this.#sagas.get(saga_id)?.state ?? 'running'
      const before = this.#appliedOf(saga_id) - 1
      check(
        'SagaOrder',
        step.state !== 'applied' || (number === before + 1 && state === 'running'),
        () => `step ${number} of ${saga_id} was applied after ${before}, and the saga was ${state}`,
      )
      return
    }
    if (known.undo === step.undo) return
    // Of steps that one look shows undone the order is not seen.
    const later = [...this.#steps].find(
      ([each, { saga_id: of, step: at }]) =>
        of === saga_id && at > number && isToUndo(writes.steps.get(each) ?? this.#steps.get(each)!),
    )?.[1]
    check(
      'SagaOrder',
      known.undo !== null || !later,
      () => `step ${number} of ${saga_id} was undone before step ${later?.step}`,
    )
    const name = () => `step ${number} of ${saga_id}: ${step.undo}`
    switch (step.undo) {
      case 'restored':
      case 'merged': {
        const wrote = [...writes.changes.values()].some((change) => change?.op_id === step.undo_op_id)
        return check('SagaUndone', wrote, () => `${name()}, and nothing was written`)
      }
      case 'nothing':
        return check('SagaUndone', this.#isBare(step, tables), () => `${name()}, and its value is there`)
      case 'conflict': {
        const asks = tables.get('conflicts', step.undo_conflict_id ?? '') !== undefined
        return check('NoSilentLoss', asks, () => `${name()}, and there is no conflict`)
      }
      case 'settled': {
        const conflict = tables.get('conflicts', known.undo_conflict_id ?? '')
        return check('SagaUndone', conflict?.state === 'resolved', () => `${name()}, and nobody settled it`)
      }
      case 'failed':
      case null:
    }
  }

  #appliedOf(sagaId: string): number {
    return [...this.#steps.values()].filter(({ saga_id, state }) => saga_id === sagaId && state === 'applied')
      .length
  }

  #saga(saga: SagaRecord, tables: Tables): void {
    const { check } = this.#ledger
    const known = this.#sagas.get(saga.id)
    this.#sagas.set(saga.id, saga)
    const from = known?.state ?? 'running'
    check(
      'SagaEnds',
      next[from].includes(saga.state) || from === saga.state,
      () => `${saga.id} went from ${from} to ${saga.state}`,
    )
    const steps = this.#stepsOf(saga.id)
    const applied = this.#appliedOf(saga.id)
    check(
      'SagaOrder',
      saga.applied === applied,
      () => `${saga.id} counts ${saga.applied} steps as applied, and has ${applied}`,
    )
    check(
      'SagaEnds',
      saga.state !== 'completed' || applied === saga.steps,
      () => `${saga.id} is completed after ${applied} of ${saga.steps} steps`,
    )
    const left = steps.find((step) => wrote(step) && !settled.has(step.undo))
    check(
      'SagaUndone',
      saga.state !== 'compensated' || !left,
      () => `${saga.id} is compensated, and step ${left?.step} is ${left?.undo ?? 'not undone'}`,
    )
    const again = saga.retried_as === null ? undefined : tables.get('sagas', saga.retried_as)
    check(
      'SagaEnds',
      saga.retried_as === null || again?.retry_of === saga.id,
      () => `${saga.id} was retried as ${saga.retried_as}, which is not there`,
    )
    this.#saysWhy(saga, tables)
  }

  #stepsOf(sagaId: string): StepRow[] {
    return [...this.#steps.values()].filter(({ saga_id }) => saga_id === sagaId)
  }

  /** What set a saga back is told; where it is stuck, so is what keeps each step. */
  #saysWhy({ id, state, cause, blocked }: SagaRecord, tables: Tables): void {
    const { check } = this.#ledger
    const isSetBack = state !== 'running' && state !== 'completed'
    check('SagaEnds', !isSetBack || cause !== null, () => `${id} is ${state}, and nothing says why`)
    const waiting = this.#stepsOf(id).filter(
      ({ undo, undo_detail: detail, undo_conflict_id: conflict }) =>
        (undo === 'failed' && detail !== null) ||
        (undo === 'conflict' && tables.get('conflicts', conflict ?? '') !== undefined),
    )
    check(
      'SagaEnds',
      waiting.length === blocked && (state !== 'stuck' || blocked > 0),
      () =>
        `${id} is ${state} with ${blocked} steps that wait for a person, and ${waiting.length} say for what`,
    )
  }

  /** A write that undoes a step. */
  #undoing(change: ChangeRow, tables: Tables): void {
    if (change.effect === 'NONE' || change.effect === 'LEAVE') return
    const { check } = this.#ledger
    const { saga } = change.rule
    const named = isJsonObject(saga) ? saga : {}
    const step = [...this.#steps.values()].find(
      (each) => each.saga_id === named['id'] && each.step === named['step'],
    )
    check('SagaUndone', step !== undefined, () => `${change.op_id} undoes what was no step`)
    const states = step && this.#around(step)
    if (!states) return
    const { moved_from: from } = change.rule
    const foundIn = typeof from === 'string' ? from : change.scope
    const state = this.#stateOf(keyOf({ ...change, scope: foundIn }), change.before_version)
    // What was written since the last look, the log was not told yet.
    if (!state && change.before_version > 0) return
    const found = state?.data ?? null
    const undoing = { ...states, found, left: change.data, lost: change.lost ?? [] }
    const fault = undoingFault(undoing, plainPaths(tables.get('policies', change.table)?.policy))
    check(
      fault?.invariant ?? 'SagaUndone',
      fault === null,
      () =>
        `step ${step.step} of ${step.saga_id} on ${change.table}/${change.record_id}: ${fault?.detail} ${JSON.stringify(undoing)}`,
    )
  }

  /** A step of which there was nothing to undo. */
  #isBare(step: StepRow, tables: Tables): boolean {
    const states = this.#around(step)
    const key = keyOf(step)
    const record = tables.get('records', key)
    // Moved meanwhile: it is undone where it is now.
    if (!states || !record || tables.departure(key, record.version)) return true
    const isPlain = plainPaths(tables.get('policies', step.table ?? '')?.policy)
    return holdsNothingOf({ ...states, found: record.data }, isPlain)
  }

  /** The record before and after a step; null where the log no longer tells. */
  #around(step: StepRow): Pick<Parameters<typeof undoingFault>[0], 'before' | 'after'> | null {
    if (step.before_version === null || step.after_version === null) return null
    const after = this.#stateOf(keyOf(step), step.after_version)
    const taken = keyOf({ ...step, scope: step.from_scope ?? step.scope })
    const before = step.before_version === 0 ? null : this.#stateOf(taken, step.before_version)
    return after === undefined || before === undefined
      ? null
      : { after: after.data, before: before?.data ?? null }
  }

  #stateOf(key: string, version: number): Told | undefined {
    const history = this.#log.histories.get(key)
    return history?.find(({ after_version, effect }) => after_version === version && effect !== 'LEAVE')
  }
}

const keyOf = ({ scope, table, record_id }: Pick<StepRow, 'scope' | 'table' | 'record_id'>): string =>
  recordKey(scope ?? '', table ?? '', record_id ?? '')
const wrote = ({ state, after_version }: StepRow) => state === 'applied' && after_version !== null
const isToUndo = (step: StepRow) => wrote(step) && step.undo === null
