import fc from 'fast-check'
import { formatHlc } from '../../hlc.ts'
import type { JsonObject } from '../../json.ts'
import { emptyGCounter, incrementGCounter, type GCounter } from '../g-counter.ts'
import { addToGSet, emptyGSet, type GSet } from '../g-set.ts'
import { setLwwRegister, type LwwRegister } from '../lww-register.ts'
import { addToOrSet, emptyOrSet, removeFromOrSet, type OrSet } from '../or-set.ts'
import { emptyPnCounter, incrementPnCounter, type PnCounter } from '../pn-counter.ts'
import { editText, emptyText, textOf, type TextState } from '../text.ts'
import { mergeCrdt } from '../types.ts'

export const devices = [0, 1, 2].map((n) => `00000000-0000-4000-8000-00000000000${n}`) as [
  string,
  string,
  string,
]

/** What a device does to its own state. */
export type AnyEdit = (state: JsonObject, replica: number) => JsonObject
export type Kind = { empty: JsonObject; anyEdit: fc.Arbitrary<AnyEdit> }

/** The generated states of a type are of that type: one cast, here. */
function kind<State extends JsonObject>(
  empty: State,
  anyEdit: fc.Arbitrary<(state: State, replica: number) => State>,
): Kind {
  return {
    empty,
    anyEdit: anyEdit.map(
      (edit): AnyEdit =>
        (state, replica) =>
          edit(state as State, replica),
    ),
  }
}

const anyElement = fc.constantFrom('a', 'b', '__proto__', 1, null, { x: 'ä' }, ['a'])
const anyAmount = fc.integer({ min: 1, max: 3 })
/** Unlike every other: the generated ids are long enough. */
const anyTag = fc.uuid()

export const kinds: { [type: string]: Kind } = {
  'g-counter': kind<GCounter>(
    emptyGCounter,
    anyAmount.map((by) => (state, replica) => incrementGCounter(state, devices[replica]!, by)),
  ),
  'pn-counter': kind<PnCounter>(
    emptyPnCounter,
    fc
      .constantFrom(-2, -1, 1, 2)
      .map((by) => (state, replica) => incrementPnCounter(state, devices[replica]!, by)),
  ),
  'g-set': kind<GSet>(
    emptyGSet,
    anyElement.map((element) => (state) => addToGSet(state, element)),
  ),
  'or-set': kind<OrSet>(
    emptyOrSet,
    fc.record({ element: anyElement, tag: anyTag, adds: fc.boolean() }).map(
      ({ element, tag, adds }) =>
        (state) =>
          adds ? addToOrSet(state, element, tag) : removeFromOrSet(state, element),
    ),
  ),
  'lww-register': kind<LwwRegister>(
    setLwwRegister(null, stamp(0, 0, 0)),
    fc.record({ value: anyElement, ahead: fc.integer({ min: 1, max: 3 }) }).map(
      ({ value, ahead }) =>
        (state, replica) =>
          setLwwRegister(value, stamp(parseInt(state.hlc.slice(0, 12), 16) + ahead, 0, replica)),
    ),
  ),
  text: kind<TextState>(
    emptyText,
    fc
      .record({ at: fc.nat(), remove: fc.nat(3), insert: fc.constantFrom('', 'x', 'hello ', 'ä😀') })
      .map(({ at, remove, insert }) => (state, replica) => {
        const units = textOf(state)
        const from = at % (units.length + 1)
        const splice = { at: from, remove: Math.min(remove, units.length - from), insert }
        return editText(state, replica + 1, [splice])
      }),
  ),
}

function stamp(millis: number, counter: number, replica: number): string {
  return formatHlc({ millis, counter, node: devices[replica]!.replaceAll('-', '').slice(-16) })
}

/** States of three replicas that began empty, edited their own and merged others'. */
export function anyHistory({ empty, anyEdit }: Kind): fc.Arbitrary<[JsonObject, JsonObject, JsonObject]> {
  const replica = fc.nat({ max: 2 })
  const step = fc.oneof(fc.record({ replica, edit: anyEdit }), fc.record({ replica, from: replica }))
  return fc.array(step, { maxLength: 20 }).map((steps) => {
    const states: [JsonObject, JsonObject, JsonObject] = [empty, empty, empty]
    for (const step of steps) {
      const own = states[step.replica]!
      states[step.replica] =
        'edit' in step ? step.edit(own, step.replica) : mergeCrdt(own, states[step.from]!)!
    }
    return states
  })
}
