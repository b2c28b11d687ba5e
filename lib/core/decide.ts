import { deleteAgainstUpdate, updateAgainstUpdate } from './concurrent.ts'
import { contestedCounts, crdtRefusal, sameRecord } from './crdt/places.ts'
import { compareHlc } from './hlc.ts'
import type { JsonObject } from './json.ts'
import { formatPath, type LostValue } from './merge.ts'
import type { TablePolicy } from './policy.ts'
import type { Since } from './since.ts'
import type { TextEdits } from './text/fields.ts'
import type { MergedText } from './text/merge.ts'

/** The edit of a device or a person: the whole state after it, or null for a delete. */
export type Edit = {
  operation: 'CREATE' | 'UPDATE' | 'DELETE'
  data: JsonObject | null
  hlc: string
  deviceId: string | null
  /** The edits of its texts, where the device tells them; they lead from the base to the data. */
  textEdits?: TextEdits
}

/**
 * What was edited: the state it was made on, and the version of the record that this state stands on: the record's
 * version where the edit continues it without a gap, null where it was merged in between.
 * `data` is undefined where that state can no longer be read.
 */
export type Base = { data: JsonObject | null | undefined; standsOn: number | null; since?: Since }

/** The record as it is; `data` is null when deleted. */
export type Current = {
  version: number
  data: JsonObject | null
  hlc: string
  deviceId: string | null
  /** What a deleted record held before, where that is still known. */
  lastData?: JsonObject | null
}

/** Why a change can never, or not yet, be taken. */
export type Refusal<Code extends string = string> = {
  code: Code
  detail: string
  errors?: { pointer: string; detail: string }[]
}

/** Texts that were merged letter by letter, by dotted path. */
export type MergedTexts = { [path: string]: MergedText }

export type Decision<Code extends string = string> =
  | {
      kind: 'write'
      outcome: 'applied' | 'merged'
      data: JsonObject | null
      lost: LostValue[]
      texts?: MergedTexts
    }
  | { kind: 'no_change'; texts?: MergedTexts }
  | { kind: 'superseded'; lost: LostValue[]; texts?: MergedTexts }
  | {
      kind: 'conflict'
      code: 'manual' | 'stale_version'
      fields: string[]
      /** What a person is asked to take, where that is another state than the edit's. */
      proposed?: JsonObject | null
    }
  | { kind: 'reject'; refusal: Refusal<Code | 'unknown_base' | 'schema_mismatch' | 'invalid_change'> }

export type DecisionContext<Code extends string> = {
  /**
   * Schema, business rules and size of a state that is to become the record's.
   * @param previous the state it replaces
   */
  validate: (data: JsonObject, previous: JsonObject | null) => Refusal<Code> | null
  /** This server was restored from a backup: a record it does not have may be one that it lost. */
  isHistoryLost?: boolean
}

/**
 * What becomes of an edit. Pure: the same edit, base, record and policy give the same decision.
 *
 * Valid, then new, then fast-forward, then same, then concurrent, as semantics.md orders them; whether the change itself
 * may be read at all (scope, checksum, clock) is `admit`'s to say, and what concurrent edits come to is in `concurrent.ts`.
 * @param current undefined where the server never had the record
 */
export function decide<Code extends string>(
  edit: Edit,
  base: Base,
  current: Current | undefined,
  policy: TablePolicy,
  context: DecisionContext<Code>,
): Decision<Code> {
  if (edit.data !== null) {
    const refusal =
      context.validate(edit.data, base.data ?? current?.data ?? null) ??
      crdtRefusal(
        policy,
        // What other devices counted may be among what was lost.
        { data: edit.data, deviceId: context.isHistoryLost ? null : edit.deviceId },
        base.data,
        current?.data ?? null,
      )
    if (refusal) return { kind: 'reject', refusal }
  }
  if (current === undefined) {
    return edit.operation === 'CREATE' || context.isHistoryLost
      ? applied(edit)
      : unknownBase('The server never had this record. Create it first.')
  }
  const contested = contestedCounts(policy, edit, base.data, current.data).map(
    ({ path, state }): LostValue => ({
      path: formatPath(path),
      value: state,
      from: 'client',
      hlc: edit.hlc,
    }),
  )
  return withLost(decideOnRecord(edit, base, current, policy, context), contested)
}

/** A decision with values more that gave way: whatever else came of the edit, they are kept. */
function withLost<Code extends string>(decision: Decision<Code>, more: LostValue[]): Decision<Code> {
  if (more.length === 0) return decision
  switch (decision.kind) {
    case 'no_change':
      return { ...decision, kind: 'superseded', lost: more }
    case 'write':
    case 'superseded':
      return { ...decision, lost: [...decision.lost, ...more] }
    // The whole edit is kept.
    case 'conflict':
    case 'reject':
      return decision
  }
}

function decideOnRecord<Code extends string>(
  edit: Edit,
  base: Base,
  current: Current,
  policy: TablePolicy,
  context: DecisionContext<Code>,
): Decision<Code> {
  if (sameRecord(policy, edit.data, current.data)) return { kind: 'no_change' }
  // A deleted record lives again by an explicit CREATE, or where the policy lets an update win; never by accident.
  if (current.data === null && edit.operation === 'CREATE' && !comesAgain(edit, current, context)) {
    return applied(edit)
  }
  if (base.standsOn === current.version) {
    return current.data === null
      ? unknownBase('The record was deleted. Create it again to bring it back.')
      : applied(edit)
  }
  // A version that is yet to come is of a history that was lost: what was edited cannot be told.
  const known = base.standsOn !== null && base.standsOn > current.version ? unknownState : base
  return edit.data === null || current.data === null
    ? deleteAgainstUpdate(edit, known, current, policy, context)
    : updateAgainstUpdate(
        { ...edit, data: edit.data },
        known,
        { ...current, data: current.data },
        policy,
        context,
      )
}

/** A CREATE that was lost in a restore and is sent again, after somebody else had deleted what it made. */
function comesAgain(edit: Edit, current: Current, { isHistoryLost }: { isHistoryLost?: boolean }): boolean {
  return isHistoryLost === true && edit.deviceId !== current.deviceId && compareHlc(edit.hlc, current.hlc) < 0
}

const unknownState: Base = { data: undefined, standsOn: null }

function applied(edit: Edit): Decision<never> {
  return { kind: 'write', outcome: 'applied', data: edit.data, lost: [] }
}

function unknownBase(detail: string): Decision<never> {
  return { kind: 'reject', refusal: { code: 'unknown_base', detail } }
}
