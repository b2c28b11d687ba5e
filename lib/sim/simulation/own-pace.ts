import { InvalidEditError, StorageFullError, type Device } from '#lib/client/index.ts'
import type { Dice } from './dice.ts'
import type { Happening } from './plan.ts'
import type { SimDevice } from './sim-device.ts'
import type { World } from './world.ts'

/**
 * Does something on a device again and again, where the plan has it, for as long as the device's life and while things
 * may go wrong. It has dice of its own, so that what else the app does stays as it is.
 * @param paceFactor how much rarer than the app's other edits, at the usual rate
 */
export async function atItsPace(
  world: World,
  { sim, device }: { sim: SimDevice; device: Device },
  { name, dice, paceFactor }: { name: Happening; dice: Dice; paceFactor: number },
  act: () => Promise<void>,
): Promise<void> {
  const { scheduler, plan, oracle } = world
  const rate = plan.rates[name]
  if (rate === undefined) return
  while (world.isSafety) {
    await scheduler.sleep((-Math.log(1 - dice.unit()) * plan.editEveryMs * paceFactor) / rate)
    if (!world.isSafety || sim.device !== device || sim.isGone) return
    try {
      await act()
    } catch (error) {
      if (error instanceof InvalidEditError || error instanceof StorageFullError) continue
      const text = error instanceof Error ? error.stack : String(error)
      oracle.check('NoFault', false, () => `${sim.name}: ${text}`)
      return
    }
  }
}
