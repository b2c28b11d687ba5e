import type { Json, JsonObject } from '../json.ts'

/** What is wrong with a state, and where in it: a JSON pointer, "" for the whole. */
export type CrdtFault = { pointer: string; detail: string }

/**
 * A state-based CRDT in its wire form: plain JSON with `$crdt` naming the type. `merge` is a join: commutative,
 * associative and idempotent up to `normal`.
 * @see Shapiro, Preguiça, Baquero, Zawirski: "A comprehensive study of Convergent and Commutative Replicated Data Types" (2011)
 */
export type CrdtType<State extends JsonObject> = {
  /** Why a value is no well-formed state of this type; null where it is. Never throws, whatever it is given. */
  fault(value: JsonObject): CrdtFault | null
  /** The one form of a state: states that mean the same have the same. */
  normal(state: State): State
  /** The least state that includes both, in its normal form. */
  merge(a: State, b: State): State
  /** What the state says, as people read it. */
  value(state: State): Json
  /** What an edit may not do to a state: take back what it held, or speak for others. */
  overreach(edit: CrdtEdit<State>): CrdtFault | null
  /**
   * Whether the join may hold less than both sides added: a client that gives what it adds no name of its own, and
   * somebody who added under the same one since. Types whose states cannot be made so leave it out.
   */
  isContested?(edit: CrdtEdit<State> & { deviceId: string }): boolean
}

export type CrdtEdit<State extends JsonObject> = {
  /** The state that was edited; undefined where there was none. */
  before: State | undefined
  after: State
  /** The state as the server has it; undefined where it has none. */
  known: State | undefined
  /** Who edited; null for a person, who may write what no device would. */
  deviceId: string | null
}

/** The first member that the wire form does not have, or lacks. */
export function memberFault(value: JsonObject, members: readonly string[]): CrdtFault | null {
  for (const name of members) {
    if (!Object.hasOwn(value, name)) return { pointer: `/${name}`, detail: 'is required' }
  }
  const extra = Object.keys(value).find((name) => name !== '$crdt' && !members.includes(name))
  return extra === undefined
    ? null
    : { pointer: '', detail: `has a member ${JSON.stringify(extra)} too many` }
}
