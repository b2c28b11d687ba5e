import { v4 } from 'uuid'
import type { Rows } from '../model/tables.ts'
import type { Device, MemoryImage } from '#lib/client/index.ts'
import { useApp } from './app-user.ts'
import { editFields } from './field-user.ts'
import { appVersions, writeMachines } from './machines.ts'
import { moveRecords } from './mover.ts'
import { makeSagas } from './saga-user.ts'
import type { Door } from './network.ts'
import { difference, unsupported } from './oracle/endings.ts'
import { SimDevice, type SimDeviceOptions } from './sim-device.ts'
import { scopes } from './tables.ts'
import type { World } from './world.ts'

/** All devices of a simulation, and what happens to them as machines. */
export class Devices {
  readonly all: SimDevice[] = []
  #born = 0
  readonly #world: World
  readonly #doors: () => readonly Door[]
  readonly #enrollmentKey: string
  readonly #dice
  readonly #versionDice

  constructor(world: World, doors: () => readonly Door[], enrollmentKey = 'key') {
    this.#world = world
    this.#doors = doors
    this.#enrollmentKey = enrollmentKey
    this.#dice = world.dice.fork('devices')
    this.#versionDice = world.dice.fork('app versions')
  }

  begin(): void {
    for (let i = 1; i <= this.#world.plan.devices; i++) this.#add(this.#options(i))
    void this.#misfortune()
  }

  heal(): void {
    for (const { network } of this.all) if (network) network.isOffline = false
  }

  /** Whether every device has its token. */
  get areEnrolled(): boolean {
    return this.all.every(({ store }) => tokenIn(store.image()) !== null)
  }

  /** What has not come to rest yet; null where all has. */
  unrest(): string | null {
    const open = this.#world.database.tables.all('conflicts').filter(({ state }) => state === 'open')
    if (open.length > 0) return `${open.length} conflicts are open`
    const waiting = unsupported(this.#world.database.tables).length
    if (waiting > 0) return `${waiting} dead letters wait though their table takes them now`
    const { tables } = this.#world.database
    const asked = new Set(
      tables.all('steps').flatMap(({ saga_id: id, undo }) => (undo === 'conflict' ? [id] : [])),
    )
    const saga = tables.all('sagas').find((each) => isMoving(each, asked.has(each.id)))
    if (saga) return `saga ${saga.id} is ${saga.state}`
    for (const device of this.all) {
      const found = difference(this.#world, device)
      if (found !== null) return found
    }
    return null
  }

  #options(number: number): SimDeviceOptions {
    const dice = this.#dice
    const isSkewed = this.#world.happens('clock_skew', 0.5, dice)
    const hasOldSchema = this.#world.happens('schema_skew', 0.5, dice)
    const hasVersions = this.#world.plan.rates.app_versions !== undefined
    const schemaVersion = hasVersions ? this.#versionDice.pick(appVersions) : hasOldSchema ? 1 : 2
    // The first half of the id is the clock's node: some share it, so that stamps do come out the same.
    const id = v4({ random: dice.bytes(16) })
    const node = dice.chance(0.5) ? '0193f3a2-b4c0-4000' : id.slice(0, 18)
    return {
      ...{ name: `device${number}`, deviceId: node + id.slice(18), schemaVersion },
      clock: {
        offsetMs: isSkewed ? dice.int(-900_000, 900_000) : dice.int(-500, 500),
        grainMs: dice.pick([1, 1, 1_000]),
      },
    }
  }

  #add(options: SimDeviceOptions): void {
    const sim = new SimDevice(this.#world, this.#doors, options)
    this.all.push(sim)
    sim.onLife = (device) => void this.#live(sim, device)
    sim.begin()
  }

  async #live(sim: SimDevice, device: Device): Promise<void> {
    const { isEnrolled } = await device.overview()
    const request = {
      enrollmentKey: this.#enrollmentKey,
      name: sim.name,
      platform: 'sim',
      appVersion: '1',
      scopes: [...scopes],
    }
    for (let enrolled = isEnrolled; !enrolled;) {
      enrolled = await device.enroll(request).then(
        () => true,
        () => false,
      )
      if (!enrolled) await this.#world.scheduler.sleep(1_000)
      if (sim.device !== device) return
    }
    void editFields(this.#world, sim, device)
    void moveRecords(this.#world, sim, device)
    void writeMachines(this.#world, sim, device)
    void makeSagas(this.#world, sim, device)
    await useApp(this.#world, sim, device)
  }

  /** What happens to whole machines. */
  async #misfortune(): Promise<void> {
    const world = this.#world
    const dice = this.#dice
    const images = new Map<SimDevice, MemoryImage>()
    while (world.isSafety) {
      await world.scheduler.sleep(dice.between(500, 3_000))
      const living = this.all.filter(({ isGone }) => !isGone)
      const sim = dice.pick(living)
      if (world.happens('offline', 0.06, dice)) this.#takeOffline(sim)
      if (world.happens('clock_jump', 0.04, dice)) sim.options.clock.offsetMs += dice.int(-600_000, 600_000)
      if (dice.chance(0.1)) images.set(sim, sim.store.image())
      if (living.length < 6 && tokenIn(sim.store.image()) && world.happens('clone', 0.02, dice)) {
        this.#add({
          ...sim.options,
          clock: { ...sim.options.clock },
          name: `clone${this.all.length}`,
          image: sim.store.image(),
        })
      }
      const image = images.get(sim)
      const isCurrent = image && tokenIn(image) && tokenIn(image) === tokenIn(sim.store.image())
      if (isCurrent && world.happens('device_restored', 0.03, dice)) {
        sim.end()
        this.all.splice(this.all.indexOf(sim), 1)
        this.#add({ ...sim.options, name: `again${this.#born++}`, image })
      }
    }
  }

  #takeOffline(sim: SimDevice): void {
    const { network } = sim
    if (!network) return
    network.isOffline = true
    this.#world.scheduler.after(this.#dice.between(1_000, 60_000), () => (network.isOffline = false))
  }
}

/** A saga that is not at its end: people settle the conflicts of one that is stuck. What can no longer be read, nobody can undo. */
const isMoving = ({ state }: Rows['sagas'], waitsForConflict: boolean) =>
  state === 'running' || state === 'compensating' || (state === 'stuck' && waitsForConflict)

/** A copy without the token of today would enrol under the same name, and end the other's. */
function tokenIn(image: MemoryImage): string | null {
  const identity = JSON.parse(image.meta.get('identity') ?? '{}') as { token?: string | null }
  return identity.token ?? null
}
