import { addToGSet, emptyGSet, type GSet } from '#lib/core/crdt/g-set.ts'
import { emptyGCounter, type GCounter } from '#lib/core/crdt/g-counter.ts'
import { setLwwRegister, type LwwRegister } from '#lib/core/crdt/lww-register.ts'
import { addToOrSet, emptyOrSet, removeFromOrSet, type OrSet } from '#lib/core/crdt/or-set.ts'
import { emptyPnCounter, type PnCounter } from '#lib/core/crdt/pn-counter.ts'
import { emptyText, textOf, type TextState } from '#lib/core/crdt/text.ts'
import { crdtFault, crdtTypeOf, isCrdt, type CrdtTypeName } from '#lib/core/crdt/types.ts'
import { stampAfter } from '#lib/core/hlc.ts'
import type { Json, JsonObject } from '#lib/core/json.ts'
import { formatPath, isBlocked, parsePath, valueAt, withValueAt } from '#lib/core/merge.ts'
import { applyTextOps, readTextOps, type TextOps } from '#lib/core/text/delta.ts'
import type { TextEdits } from '#lib/core/text/fields.ts'
import { InvalidEditError } from './failure.ts'

/**
 * What is done to one field, rather than what it is then: with what others do to it meanwhile, all of it counts. Where the
 * field is not there yet, `type` says what is to be made; it is what the table's policy says the field is.
 */
export type FieldEdit =
  /** Counts by a whole number; a `pn-counter` down, too. */
  | { readonly increment: number; readonly type?: 'pn-counter' | 'g-counter' }
  | { readonly add: Json; readonly type?: 'or-set' | 'g-set' }
  /** From an `or-set`. An addition of somebody else that this device has not seen yet survives it. */
  | { readonly remove: Json }
  /** Sets an `lww-register`. */
  | { readonly assign: Json }
  /** Steps through a text, from its beginning: a string that merges as one (`ot`), or with `type` a Yjs text. */
  | { readonly text: TextOps; readonly type?: 'text' }

/** By dotted path. */
export type FieldEdits = Readonly<Record<string, FieldEdit>>

/** In whose name a device edits. */
export interface Editor {
  /** A stamp of now. */
  stamp(): string
  /** A name that nothing ever had. */
  tag(): string
  write(path: string, state: TextState, ops: TextOps): TextState
  count(path: string, counter: GCounter | PnCounter, by: number): GCounter | PnCounter
}

/**
 * The record after the edits.
 * @returns the state, and the steps through its plain texts
 * @throws InvalidEditError `wrong_type` where a field is something else; `invalid_step` where the step does not fit it
 */
export function applyFieldEdits(
  data: JsonObject,
  edits: FieldEdits,
  editor: Editor,
): { data: JsonObject; textOps: TextEdits } {
  const textOps: TextEdits = {}
  let edited = data
  for (const [name, edit] of Object.entries(edits)) {
    const path = parsePath(name)
    if (path.length === 0 || isBlocked(edited, path)) throw wrong(name, 'there can be no such field')
    const place = formatPath(path)
    const value = editField(place, valueAt(edited, path), edit, editor)
    const fault = isCrdt(value) ? crdtFault(value) : null
    if (fault) throw new InvalidEditError('invalid_step', `${place}${fault.pointer} ${fault.detail}`)
    if ('text' in edit && typeof value === 'string') textOps[place] = edit.text
    edited = withValueAt(edited, path, value)
  }
  return { data: edited, textOps }
}

function editField(place: string, value: Json | undefined, edit: FieldEdit, editor: Editor): Json {
  if ('increment' in edit) {
    const { increment: by } = edit
    const isGCounter =
      typeAt(place, value, edit.type ?? 'pn-counter', ['pn-counter', 'g-counter']) === 'g-counter'
    if (!Number.isSafeInteger(by) || (isGCounter && by < 0))
      throw new InvalidEditError('invalid_step', `${place} cannot count by ${by}`)
    const counter =
      (value as GCounter | PnCounter | undefined) ?? (isGCounter ? emptyGCounter : emptyPnCounter)
    return by === 0 ? counter : editor.count(place, counter, by)
  }
  if ('add' in edit) {
    return typeAt(place, value, edit.type ?? 'or-set', ['or-set', 'g-set']) === 'or-set'
      ? addToOrSet((value as OrSet | undefined) ?? emptyOrSet, edit.add, editor.tag())
      : addToGSet((value as GSet | undefined) ?? emptyGSet, edit.add)
  }
  if ('remove' in edit) {
    typeAt(place, value, 'or-set', ['or-set'])
    return removeFromOrSet((value as OrSet | undefined) ?? emptyOrSet, edit.remove)
  }
  if ('assign' in edit) {
    typeAt(place, value, 'lww-register', ['lww-register'])
    const before = (value as LwwRegister | undefined)?.hlc
    const stamp = editor.stamp()
    // Whoever set it last may have had a clock that ran ahead.
    return setLwwRegister(edit.assign, before === undefined ? stamp : stampAfter(stamp, before))
  }
  const read = readTextOps(edit.text)
  if ('detail' in read) throw new InvalidEditError('invalid_step', `${place}: step ${read.at} ${read.detail}`)
  if (isCrdt(value) || (value === undefined && edit.type === 'text')) {
    typeAt(place, value, 'text', ['text'])
    const state = (value as TextState | undefined) ?? emptyText
    textAfter(place, textOf(state), read.ops)
    return editor.write(place, state, read.ops)
  }
  if (edit.type === 'text' || (value !== undefined && typeof value !== 'string'))
    throw wrong(place, 'is no text')
  return textAfter(place, value ?? '', read.ops)
}

function textAfter(place: string, text: string, ops: TextOps): string {
  const after = applyTextOps(text, ops)
  if (after === null) throw new InvalidEditError('invalid_step', `${place}: the steps do not fit the text`)
  return after
}

/** The type of a field; of one that is not there, what is to be made. */
function typeAt<Type extends CrdtTypeName>(
  place: string,
  value: Json | undefined,
  made: Type,
  allowed: readonly Type[],
): Type {
  if (value === undefined) return made
  const type = isCrdt(value) && crdtFault(value) === null ? crdtTypeOf(value) : null
  const found = allowed.find((each) => each === type)
  if (found === undefined) throw wrong(place, `is no ${allowed.join(' or ')}`)
  return found
}

function wrong(place: string, detail: string): InvalidEditError {
  return new InvalidEditError('wrong_type', `${place} ${detail}`)
}
