import { v4 } from 'uuid'
import type { Device } from '#lib/client/index.ts'
import { useApp } from './app-user.ts'
import { checkEnding, difference } from './oracle/endings.ts'
import type { Invariant, Violation } from './oracle/invariants.ts'
import { People } from './people.ts'
import { planOf, type Narrowing, type Plan } from './plan.ts'
import { ServerProcess } from './server-process.ts'
import { SimDevice, type SimDeviceOptions } from './sim-device.ts'
import { policies, scopes } from './tables.ts'
import { World } from './world.ts'

export type Outcome = {
  plan: Plan
  violation: Violation | null
  /** The same for the same seed and the same code, and only then. */
  traceHash: string
  trace: string[]
  counts: Map<string, number>
  checks: Map<Invariant, number>
  virtualMs: number
  steps: number
}

/** Virtual time in which everything has to come to rest once nothing goes wrong any more. */
const livenessMs = 45 * 60_000

/** Lives a seed through: things go wrong, then heal, then everything has to come to rest. */
export async function simulate(
  seed: string,
  narrowing: Narrowing = {},
  options: { keepsLines?: number } = {},
): Promise<Outcome> {
  const world = new World(planOf(seed, narrowing), options.keepsLines ?? 60)
  const { scheduler, oracle, plan } = world
  const cast = new Cast(world)
  await cast.begin()
  const isOver = () => oracle.violation !== null
  await scheduler.run(isOver, world.now() + plan.safetyMs)
  if (!oracle.violation) {
    world.trace.add('world', 'heals')
    cast.heal()
    let rest: string | null = 'nobody looked yet'
    const look = () => {
      rest = cast.unrest()
      scheduler.after(2_000, look)
    }
    scheduler.after(0, look)
    const isQuiet = await scheduler.run(() => isOver() || rest === null, world.now() + livenessMs)
    const isDrained = cast.devices.every(({ watch }) => watch.pending === 0)
    if (!oracle.violation) {
      oracle.check('Drain', isDrained, () => `after ${livenessMs / 60_000} min: ${rest}`)
      oracle.check('Convergence', isQuiet, () => `after ${livenessMs / 60_000} min: ${rest}`)
      checkEnding(world)
    }
  }
  const { waits, deadlocks } = world.database.locks.counts
  world.count('lock waits', waits)
  world.count('deadlocks', deadlocks)
  return {
    ...{ plan, violation: oracle.violation, counts: world.counts, checks: oracle.checks },
    ...{ trace: world.trace.tail(), virtualMs: scheduler.elapsedMs, steps: scheduler.steps },
    traceHash: world.trace.digest(),
  }
}

/** Everybody in one simulation. */
class Cast {
  readonly devices: SimDevice[] = []
  #servers: ServerProcess[] = []
  #born = 0
  readonly #world: World
  readonly #dice

  constructor(world: World) {
    this.#world = world
    this.#dice = world.dice.fork('cast')
    world.restart = (server) => this.#restart(server)
  }

  async begin(): Promise<void> {
    const { database, plan } = this.#world
    const tx = database.begin()
    for (const policy of policies()) {
      await tx.put('policies', policy.name, { name: policy.name, version: 1, policy })
    }
    tx.commit()
    for (let i = 0; i < plan.servers; i++) this.#servers.push(this.#newServer())
    for (let i = 1; i <= plan.devices; i++) this.#add(this.#deviceOptions(i))
    void new People(this.#world, () => this.#servers).work()
    void this.#misfortune()
  }

  heal(): void {
    this.#world.isSafety = false
    this.#world.isDatabaseAway = false
    for (const { network } of this.devices) if (network) network.isOffline = false
    void this.#letIn()
  }

  async #letIn(): Promise<void> {
    for (const { id } of this.#world.database.tables.all('devices')) {
      const tx = this.#world.database.begin()
      await tx.lock('devices', id)
      await tx.put('devices', id, { ...tx.get('devices', id)!, status: 'active' })
      tx.commit()
    }
  }

  /** What has not come to rest yet; null where all has. */
  unrest(): string | null {
    const open = this.#world.database.tables.all('conflicts').filter(({ state }) => state === 'open')
    if (open.length > 0) return `${open.length} conflicts are open`
    for (const device of this.devices) {
      const found = difference(this.#world, device)
      if (found !== null) return found
    }
    return null
  }

  #deviceOptions(number: number): SimDeviceOptions {
    const dice = this.#dice
    const isSkewed = this.#world.happens('clock_skew', 0.5, dice)
    const hasOldSchema = this.#world.happens('schema_skew', 0.5, dice)
    // The first half of the id is the clock's node: some share it, so that stamps do come out the same.
    const id = v4({ random: dice.bytes(16) })
    const node = dice.chance(0.5) ? '0193f3a2-b4c0-4000' : id.slice(0, 18)
    return {
      ...{ name: `device${number}`, deviceId: node + id.slice(18), schemaVersion: hasOldSchema ? 1 : 2 },
      clock: {
        offsetMs: isSkewed ? dice.int(-900_000, 900_000) : dice.int(-500, 500),
        grainMs: dice.pick([1, 1, 1_000]),
      },
    }
  }

  #add(options: SimDeviceOptions): void {
    const sim = new SimDevice(this.#world, () => this.#servers, options)
    this.devices.push(sim)
    sim.onLife = (device) => void this.#live(sim, device)
    sim.begin()
  }

  async #live(sim: SimDevice, device: Device): Promise<void> {
    const { isEnrolled } = await device.overview()
    const request = {
      enrollmentKey: 'key',
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
    await useApp(this.#world, sim, device)
  }

  #newServer(): ServerProcess {
    const name = `server${++this.#born}`
    return new ServerProcess(this.#world, name, this.#world.dice.fork(name))
  }

  #restart(server: { crash: () => void }): void {
    server.crash()
    this.#servers = this.#servers.filter((each) => each !== server)
    this.#world.scheduler.after(this.#dice.between(100, 8_000), () => this.#servers.push(this.#newServer()))
  }

  /** What happens to whole machines. */
  async #misfortune(): Promise<void> {
    const world = this.#world
    const dice = this.#dice
    const images = new Map<SimDevice, ReturnType<SimDevice['store']['image']>>()
    while (world.isSafety) {
      await world.scheduler.sleep(dice.between(500, 3_000))
      const living = this.devices.filter(({ isGone }) => !isGone)
      const sim = dice.pick(living)
      if (world.happens('database_stop', 0.02, dice)) this.#stopDatabase()
      if (world.happens('offline', 0.06, dice)) this.#takeOffline(sim)
      if (world.happens('clock_jump', 0.04, dice)) sim.options.clock.offsetMs += dice.int(-600_000, 600_000)
      if (dice.chance(0.1)) images.set(sim, sim.store.image())
      if (living.length < 6 && world.happens('clone', 0.02, dice)) {
        this.#add({
          ...sim.options,
          clock: { ...sim.options.clock },
          name: `clone${this.devices.length}`,
          image: sim.store.image(),
        })
      }
      const image = images.get(sim)
      if (image && world.happens('device_restored', 0.03, dice)) {
        sim.end()
        this.devices.splice(this.devices.indexOf(sim), 1)
        this.#add({ ...sim.options, name: `again${this.#born++}`, image })
      }
    }
  }

  #stopDatabase(): void {
    const world = this.#world
    world.trace.add('database', 'stops')
    world.database.stop()
    world.isDatabaseAway = true
    world.scheduler.after(this.#dice.between(200, 15_000), () => (world.isDatabaseAway = false))
  }

  #takeOffline(sim: SimDevice): void {
    const { network } = sim
    if (!network) return
    network.isOffline = true
    this.#world.scheduler.after(this.#dice.between(1_000, 60_000), () => (network.isOffline = false))
  }
}
