import type { Device } from '#lib/client/index.ts'
import type { JsonObject } from '#lib/core/json.ts'
import { defaultPolicy, type TablePolicy } from '#lib/core/policy.ts'
import type { OlderSchema } from '#lib/server/tables/store.ts'
import type { Dice } from './dice.ts'
import { atItsPace } from './own-pace.ts'
import type { SimDevice } from './sim-device.ts'
import { scopes } from './tables.ts'
import type { World } from './world.ts'

/** The table that apps of three versions write. */
export const machines = 'machines'

/** What an app of each version knows of a machine. */
const fields = {
  1: ['label', 'count'],
  2: ['name', 'count', 'unit'],
  3: ['name', 'count', 'unit', 'owner'],
} as const
export type AppVersion = keyof typeof fields
export const appVersions = [1, 2, 3] as const

/** What it does not know: others wrote it, and it leaves that alone. */
export function unknownTo(version: number): readonly string[] {
  return version === 1 ? ['unit', 'owner'] : version === 2 ? ['owner'] : []
}

/** What the schema of today calls otherwise: nobody reads it under this name any more. */
export const formerFields: readonly string[] = ['label']

const schemaOf = (version: AppVersion): JsonObject => ({
  type: 'object',
  properties: Object.fromEntries(fields[version].map((name) => [name, {}])),
})

/** The table as it is at first: what the first version of the app writes, nobody can bring up yet. */
export function machinesPolicy(): { policy: TablePolicy; older: OlderSchema[] } {
  return {
    policy: {
      ...defaultPolicy(machines, 'merge'),
      tiebreak: 'lww',
      schema_version: 3,
      schema: schemaOf(3),
      upcasts: { '2': [{ default: { owner: 'nobody' } }] },
    },
    older: ([1, 2] as const).map((version) => ({ schema_version: version, schema: schemaOf(version) })),
  }
}

/** The steps that were missing. */
export const machinesUpcasts: TablePolicy['upcasts'] = {
  '1': [{ rename: { label: 'name' } }, { default: { unit: 'piece' } }],
  '2': [{ default: { owner: 'nobody' } }],
}

/** Whoever holds the device writes machines, whole, as its version of the app knows them. */
export function writeMachines(world: World, sim: SimDevice, device: Device): Promise<void> {
  const dice = sim.schemaDice
  const version = appVersions.find((each) => each === sim.options.schemaVersion) ?? 3
  return atItsPace(world, { sim, device }, { name: 'app_versions', dice, paceFactor: 2 }, async () => {
    const scope = dice.pick(scopes)
    const records = await device.list({ table: machines, scope })
    const record = records.length > 0 && dice.chance(0.85) ? dice.pick(records.slice(0, 4)) : null
    world.count(`app version ${version}`)
    const data = machineOf(version, dice, record?.data ?? {})
    await device.put({ table: machines, scope, data, ...(record && { id: record.id }) })
  })
}

function machineOf(version: AppVersion, dice: Dice, shown: JsonObject): JsonObject {
  const changed = dice.pick(fields[version])
  return Object.fromEntries(
    fields[version].map((name) => {
      const value = shown[name]
      const isKept = value !== undefined && name !== changed
      return [name, isKept ? value : name === 'count' ? dice.int(0, 9) : `${name} ${dice.int(0, 20)}`]
    }),
  )
}
