import { InvalidEditError, StorageFullError, type Device, type LocalRecord } from '#lib/client/index.ts'
import type { SagaEdit } from '#lib/client/saga.ts'
import type { Dice } from './dice.ts'
import type { SimDevice } from './sim-device.ts'
import { poison, scopes, stateOf, tables } from './tables.ts'
import type { World } from './world.ts'

/** Whoever holds the device also makes edits that hold together, or not at all. */
export async function makeSagas(world: World, sim: SimDevice, device: Device): Promise<void> {
  const { scheduler, plan } = world
  const dice = sim.sagaDice
  if (plan.rates.saga === undefined) return
  for (;;) {
    await scheduler.sleep(-Math.log(1 - dice.unit()) * plan.editEveryMs)
    if (sim.device !== device || sim.isGone || !world.isSafety) return
    if (!world.happens('saga', 0.15, dice)) continue
    try {
      await device.saga(await steps(device, dice), { priority: dice.pick(['critical', 'normal', 'bulk']) })
    } catch (error) {
      if (error instanceof InvalidEditError || error instanceof StorageFullError) continue
      const text = error instanceof Error ? error.stack : String(error)
      world.oracle.check('NoFault', false, () => `${sim.name}: ${text}`)
      return
    }
  }
}

async function steps(device: Device, dice: Dice): Promise<SagaEdit[]> {
  const edits: SagaEdit[] = []
  const fails = dice.chance(0.3)
  const count = dice.int(2, 4)
  for (let step = 1; step <= count; step++) {
    const earlier = edits.length > 0 && dice.chance(0.2) ? dice.pick(edits) : null
    if (fails && dice.chance(0.5)) edits.push({ ...poison(dice), scope: dice.pick(scopes) })
    else if (earlier?.id && earlier.data) edits.push({ ...earlier, data: stateOf(dice, earlier.data) })
    else edits.push(await edit(device, dice))
  }
  return edits
}

/** An edit of one of the records that everybody edits, or of a new one. */
async function edit(device: Device, dice: Dice): Promise<SagaEdit> {
  const [table, scope] = [dice.pick(tables), dice.pick(scopes)]
  const records: readonly LocalRecord[] = dice.chance(0.75) ? await device.list({ table, scope }) : []
  if (records.length === 0) return { table, scope, data: stateOf(dice, null) }
  const { id, data } = dice.pick(records.slice(0, 5))
  return { table, scope, id, data: dice.chance(0.1) ? null : stateOf(dice, data) }
}
