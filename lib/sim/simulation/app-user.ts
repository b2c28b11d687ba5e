import { InvalidEditError, StorageFullError, type Device } from '#lib/client/index.ts'
import type { Dice } from './dice.ts'
import { machines } from './machines.ts'
import type { SimDevice } from './sim-device.ts'
import { poison, scopes, stateOf, tables } from './tables.ts'
import type { World } from './world.ts'

/** Ids that several devices may create on their own: two offices that number alike. */
export const sharedId = (index: number) =>
  `0193f3a2-b4c0-7000-8000-0000000000${String(index).padStart(2, '0')}`

/** Whoever holds the device: edits as it comes, and looks after what the device brings back. */
export async function useApp(world: World, sim: SimDevice, device: Device): Promise<void> {
  const { scheduler, plan } = world
  const dice = sim.dice
  const isMine = () => sim.device === device && !sim.isGone
  device.subscribe((event) => {
    if (event.kind !== 'finished' || sim.device !== device) return
    const { outcome, failure } = event.report
    world.trace.add(sim.name, `sync ${outcome} ${failure ? `${failure.code}: ${failure.message}` : ''}`)
  })
  device.start()
  while (isMine()) {
    await scheduler.sleep(-Math.log(1 - dice.unit()) * (world.isSafety ? plan.editEveryMs : 4_000))
    if (!isMine()) return
    try {
      if (world.isSafety) await act(world, sim, device)
      else await tidy(device)
    } catch (error) {
      if (error instanceof InvalidEditError || error instanceof StorageFullError) continue
      world.oracle.check(
        'NoFault',
        false,
        () => `${sim.name}: ${error instanceof Error ? error.stack : String(error)}`,
      )
      return
    }
  }
}

async function act(world: World, sim: SimDevice, device: Device): Promise<void> {
  const { dice } = sim
  if (world.happens('poison', 0.06, dice)) {
    await device.put({ ...poison(dice), scope: dice.pick(scopes) })
    return
  }
  if (world.happens('same_id', 0.08, dice)) {
    const id = sharedId(dice.int(1, 6))
    await device.put({ table: dice.pick(tables), scope: dice.pick(scopes), id, data: stateOf(dice, null) })
    return
  }
  const action = dice.weighted({
    edit: 10,
    create: 2,
    remove: 1,
    twice: 2,
    conflicts: 1,
    letters: 1,
    review: 1,
    sync: 1,
  })
  world.count(`app ${action}`)
  switch (action) {
    case 'create':
      await device.put({ table: dice.pick(tables), scope: dice.pick(scopes), data: stateOf(dice, null) })
      return
    case 'edit':
    case 'twice':
    case 'remove':
      return edit(device, dice, action)
    case 'conflicts':
      return answerConflict(device, dice)
    case 'letters': {
      const [letter] = await device.deadLetters()
      if (!letter) return
      const { opId, data, table } = letter.operation
      if (!dice.chance(0.5)) return device.dismissDeadLetter(opId)
      const corrected = data && stateOf(dice, { name: 'again' })
      // Some send it as it was; not what an older app made, which they would go on editing in its schema. By dice of its
      // own: what else happens stays as it is.
      const isAsItWas = table !== machines && dice.fork(opId).chance(0.4)
      await device.retryDeadLetter(opId, isAsItWas ? undefined : corrected)
      return
    }
    case 'review': {
      const [item] = await device.review()
      if (item) await (dice.chance(0.5) ? device.restoreReview(item.opId) : device.dismissReview(item.opId))
      return
    }
    case 'sync':
      device.poke()
  }
}

async function edit(device: Device, dice: Dice, action: 'edit' | 'twice' | 'remove'): Promise<void> {
  const scope = dice.pick(scopes)
  const table = dice.pick(tables)
  const records = await device.list({ table, scope })
  const record = records.length > 0 ? dice.pick(records.slice(0, 5)) : null
  if (!record) {
    await device.put({ table, scope, data: stateOf(dice, null) })
    return
  }
  const ref = { table, scope, id: record.id }
  if (action === 'remove') {
    await device.remove(ref)
    return
  }
  const priority = dice.pick(['critical', 'normal', 'bulk'] as const)
  const { data } = await device.put({ ...ref, data: stateOf(dice, record.data), priority })
  // Straight on, before the first edit is answered: the second stands on it.
  if (action === 'twice') await device.put({ ...ref, data: stateOf(dice, data) })
}

async function answerConflict(device: Device, dice: Dice): Promise<void> {
  const conflicts = await device.conflicts()
  if (conflicts.length === 0) return
  const { scope, table, id, code, mine } = dice.pick(conflicts)
  const ref = { scope, table, id }
  if (code === 'stale_version' && dice.chance(0.7)) await device.rebase(ref, mine && stateOf(dice, mine))
  else await device.abandon(ref)
}

/** What is left for the person to say goes, once nothing goes wrong any more. */
async function tidy(device: Device): Promise<void> {
  for (const { scope, table, id, code } of await device.conflicts()) {
    if (code === 'stale_version') return device.abandon({ scope, table, id })
  }
}
