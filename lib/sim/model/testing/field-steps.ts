import { incrementGCounter, emptyGCounter, type GCounter } from '#lib/core/crdt/g-counter.ts'
import { addToGSet, emptyGSet, type GSet } from '#lib/core/crdt/g-set.ts'
import { setLwwRegister } from '#lib/core/crdt/lww-register.ts'
import { addToOrSet, emptyOrSet, removeFromOrSet, type OrSet } from '#lib/core/crdt/or-set.ts'
import { emptyPnCounter, incrementPnCounter, type PnCounter } from '#lib/core/crdt/pn-counter.ts'
import { editText, emptyText, type TextState } from '#lib/core/crdt/text.ts'
import { isCrdt } from '#lib/core/crdt/types.ts'
import type { Json, JsonObject } from '#lib/core/json.ts'
import { applyTextOps, type TextOps } from '#lib/core/text/delta.ts'
import type { Dice } from '../../simulation/dice.ts'

const fields = ['visits', 'stock', 'labels', 'crew', 'status', 'body'] as const

/** A step or two through the CRDTs of a record, each made as its type is; what is not there yet is made. */
export function grow(
  dice: Dice,
  before: JsonObject,
  { deviceId, hlc }: { deviceId: string; hlc: string },
): JsonObject {
  const data = { ...before }
  for (let i = dice.int(1, 2); i > 0; i--) {
    const field = dice.pick(fields)
    data[field] = step(dice, field, isCrdt(data[field]) ? data[field] : undefined, { deviceId, hlc })
  }
  return data
}

function step(
  dice: Dice,
  field: (typeof fields)[number],
  state: JsonObject | undefined,
  { deviceId, hlc }: { deviceId: string; hlc: string },
): Json {
  switch (field) {
    case 'visits':
      return incrementGCounter((state as GCounter | undefined) ?? emptyGCounter, deviceId, dice.int(1, 3))
    case 'stock': {
      const counter = (state as PnCounter | undefined) ?? emptyPnCounter
      return incrementPnCounter(counter, deviceId, dice.pick([-2, -1, 1, 2]))
    }
    case 'labels':
      return addToGSet((state as GSet | undefined) ?? emptyGSet, dice.int(1, 9))
    case 'crew': {
      const set = (state as OrSet | undefined) ?? emptyOrSet
      const element = dice.pick(['ann', 'bo'])
      return dice.chance(0.4)
        ? removeFromOrSet(set, element)
        : addToOrSet(set, element, `tag${dice.int(0, 1e9)}`)
    }
    case 'status':
      return setLwwRegister(dice.int(1, 5), hlc)
    case 'body': {
      const client = dice.int(1, 2 ** 32 - 1)
      return editText((state as TextState | undefined) ?? emptyText, client, [
        { at: 0, insert: letters(dice) },
      ])
    }
  }
}

/** An edit of a plain text, as the steps through it and what it comes to. */
export function write(dice: Dice, before: string): { ops: TextOps; text: string } {
  const at = dice.int(0, before.length)
  const removed = dice.chance(0.4) ? Math.min(before.length - at, dice.int(1, 3)) : 0
  const ops: TextOps = [
    ...(at > 0 ? [{ retain: at }] : []),
    ...(removed > 0 ? [{ delete: removed }] : []),
    ...(removed === 0 || dice.chance(0.5) ? [{ insert: letters(dice) }] : []),
  ]
  return { ops, text: applyTextOps(before, ops)! }
}

const letters = (dice: Dice): string => dice.pick(['ab', 'cde', 'f', 'ghij'])
