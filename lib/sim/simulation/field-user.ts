import type { Device, FieldEdits } from '#lib/client/index.ts'
import { crdtValue, isCrdt } from '#lib/core/crdt/types.ts'
import type { Json, JsonObject } from '#lib/core/json.ts'
import type { TextOps } from '#lib/core/text/delta.ts'
import type { Dice } from './dice.ts'
import { fieldTables, type FieldTable } from './field-tables.ts'
import { atItsPace } from './own-pace.ts'
import type { SimDevice } from './sim-device.ts'
import { scopes } from './tables.ts'
import type { World } from './world.ts'

/** Whoever holds the device edits fields by what they are. */
export function editFields(world: World, sim: SimDevice, device: Device): Promise<void> {
  const dice = sim.fieldDice
  return atItsPace(world, { sim, device }, { name: 'edit_fields', dice, paceFactor: 1.5 }, () =>
    editOne(world, sim, device),
  )
}

async function editOne(world: World, sim: SimDevice, device: Device): Promise<void> {
  const dice = sim.fieldDice
  const table = dice.pick(fieldTables)
  const scope = dice.pick(scopes)
  const records = await device.list({ table, scope })
  if (records.length === 0 || (records.length < 3 && dice.chance(0.1))) {
    world.count('fields create')
    await device.put({ table, scope, data: { name: `${table} ${dice.int(1, 9)}` } })
    return
  }
  const { id, data } = dice.pick(records)
  const ref = { table, scope, id }
  if (dice.chance(0.03)) {
    world.count('fields remove')
    await device.remove(ref)
    return
  }
  // What merges by what it is goes along with what people are asked about.
  if (table === 'jobs' && dice.chance(0.2)) {
    await device.patch(ref, { set: { name: `job ${dice.int(1, 9)}` } })
    return
  }
  world.count('fields edit')
  const edited = await device.edit(ref, editsOf(world, sim, table, data))
  // Straight on, before the first is answered: they become one operation, or the second stands on the first.
  if (dice.chance(0.2)) await device.edit(ref, editsOf(world, sim, table, edited.data))
}

function editsOf(world: World, sim: SimDevice, table: FieldTable, data: JsonObject): FieldEdits {
  const dice = sim.fieldDice
  switch (table) {
    case 'tallies':
      return growth(world, dice, data)
    case 'reports':
      return { body: { text: steps(world, dice, data['body']) } }
    case 'jobs':
      return {
        ...(dice.chance(0.6) && { body: { text: steps(world, dice, data['body']) } }),
        ...count(world, 'stock', dice.pick([-1, 1, 2])),
        // Beside a plain text, it is stamped anew where the clock was refused.
        ...(world.happens('set_register', 0.3, sim.registerDice) && {
          status: { assign: sim.registerDice.int(1, 5) },
        }),
      }
  }
}

function growth(world: World, dice: Dice, data: JsonObject): FieldEdits {
  const kind = dice.pick(['visits', 'stock', 'stock', 'labels', 'crew', 'crew', 'status', 'body'] as const)
  switch (kind) {
    case 'visits':
      return count(world, kind, dice.int(1, 3))
    case 'stock':
      return count(world, kind, dice.pick([-2, -1, 1, 2]))
    case 'labels':
      return { labels: { add: dice.int(1, 12), type: 'g-set' } }
    case 'crew': {
      const element = dice.pick(['ann', 'bo', 'cy'])
      const isMember = isCrdt(data['crew']) && dice.chance(0.5)
      return { crew: isMember ? { remove: element } : { add: element, type: 'or-set' } }
    }
    case 'status':
      return { status: isCrdt(data['status']) ? { assign: dice.int(1, 5) } : { assign: 0 } }
    case 'body':
      return { body: { text: steps(world, dice, data['body']), type: 'text' } }
  }
}

/** Each count leaves a mark of its own in the same edit: what a counter shows is the sum of its marks. */
function count(world: World, field: 'visits' | 'stock', by: number): FieldEdits {
  const type = field === 'visits' ? 'g-counter' : 'pn-counter'
  const mark = `${field} ${by} ${world.nextMark()}`
  return { [field]: { increment: by, type }, marks: { add: mark, type: 'g-set' } }
}

/** Steps through a text. Every letter that is ever written is another one, so that each can be told from all others. */
function steps(world: World, dice: Dice, value: Json | undefined): TextOps {
  const shown = isCrdt(value) ? crdtValue(value) : value
  const length = typeof shown === 'string' ? shown.length : 0
  const at = dice.int(0, length)
  const removed = dice.chance(0.35) ? Math.min(length - at, dice.int(1, 3)) : 0
  const written = removed === 0 || dice.chance(0.6) ? dice.int(1, 3) : 0
  const insert = Array.from({ length: written }, () => letter(world.nextMark())).join('')
  return [
    ...(at > 0 ? [{ retain: at }] : []),
    ...(removed > 0 ? [{ delete: removed }] : []),
    ...(insert === '' ? [] : [{ insert }]),
  ]
}

/** CJK unified ideographs: twenty thousand letters of one UTF-16 code unit each. */
const letter = (mark: number): string => String.fromCharCode(0x4e00 + (mark % 20_000))
