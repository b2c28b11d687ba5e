import type { Device } from '#lib/client/index.ts'
import { fieldTables } from './field-tables.ts'
import { atItsPace } from './own-pace.ts'
import type { SimDevice } from './sim-device.ts'
import { scopes, tables } from './tables.ts'
import type { World } from './world.ts'

/** Whoever holds the device moves records to the other scope, with whatever is pending on them. */
export function moveRecords(world: World, sim: SimDevice, device: Device): Promise<void> {
  const dice = sim.moveDice
  return atItsPace(world, { sim, device }, { name: 'app_move', dice, paceFactor: 5 }, async () => {
    const scope = dice.pick(scopes)
    const table = dice.pick([...tables, ...fieldTables])
    const records = await device.list({ table, scope, limit: 5 })
    if (records.length === 0) return
    const { id } = dice.pick(records)
    world.count('app moves')
    await device.move({ table, scope, id }, scope === scopes[0] ? scopes[1] : scopes[0])
  })
}
