import { isJsonObject, type Json, type JsonObject } from '../json.ts'
import { gCounter } from './g-counter.ts'
import { gSet } from './g-set.ts'
import { lwwRegister } from './lww-register.ts'
import { orSet } from './or-set.ts'
import { pnCounter } from './pn-counter.ts'
import { text } from './text.ts'
import type { CrdtEdit, CrdtFault, CrdtType } from './type.ts'

/** Every type a value in a record may have, by the name that its `$crdt` gives. */
const types = {
  'g-counter': gCounter,
  'pn-counter': pnCounter,
  'g-set': gSet,
  'or-set': orSet,
  'lww-register': lwwRegister,
  text,
}

export type CrdtTypeName = keyof typeof types
export const crdtTypes = Object.keys(types) as [CrdtTypeName, ...CrdtTypeName[]]

/** A value that says it is a CRDT's state: `$crdt` names its type, known or not. */
export function isCrdt(value: Json | undefined): value is JsonObject {
  return isJsonObject(value) && Object.hasOwn(value, '$crdt')
}

/** The name of a state's type; null where it is none that we know. */
export function crdtTypeOf(state: JsonObject): CrdtTypeName | null {
  const name = state['$crdt']
  return crdtTypes.find((known) => known === name) ?? null
}

export function crdtFault(state: JsonObject): CrdtFault | null {
  const type = typeOf(state)
  return type ? type.fault(state) : { pointer: '/$crdt', detail: `must be one of ${crdtTypes.join(', ')}` }
}

/** Of well-formed states of one type; null where the types differ. */
export function mergeCrdt(a: JsonObject, b: JsonObject): JsonObject | null {
  return a['$crdt'] === b['$crdt'] ? (typeOf(a)?.merge(a, b) ?? null) : null
}

/** Of a well-formed state. */
export function normalCrdt(state: JsonObject): JsonObject {
  return typeOf(state)?.normal(state) ?? state
}

/** What a state says, as people read it; undefined where it is not well-formed. */
export function crdtValue(state: JsonObject): Json | undefined {
  const type = typeOf(state)
  return type && type.fault(state) === null ? type.value(state) : undefined
}

/** See `CrdtType.overreach`; all states are well-formed and of one type. */
export function crdtOverreach(edit: CrdtEdit<JsonObject>): CrdtFault | null {
  return typeOf(edit.after)?.overreach(edit) ?? null
}

/** See `CrdtType.isContested`; all states are well-formed and of one type. */
export function isContestedCrdt(edit: CrdtEdit<JsonObject> & { deviceId: string }): boolean {
  return typeOf(edit.after)?.isContested?.(edit) ?? false
}

/** The one place where a state's type is believed: `fault` has said that it is one. */
function typeOf(state: JsonObject): CrdtType<JsonObject> | null {
  const name = crdtTypeOf(state)
  return name && types[name]
}
