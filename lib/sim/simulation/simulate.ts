import { Backups } from './backups.ts'
import { Devices } from './devices.ts'
import { EngineHands } from './engine-hands.ts'
import { fieldPolicies } from './field-tables.ts'
import { machines, machinesPolicy } from './machines.ts'
import { checkAnswers, checkEnding } from './oracle/endings.ts'
import type { Invariant, Violation } from './oracle/invariants.ts'
import { People } from './people.ts'
import { planOf, type Narrowing, type Plan } from './plan.ts'
import { Retention } from './retention.ts'
import { engineSagaHands, SagaKeepers, type SagaHands } from './saga-keepers.ts'
import { Scheduler } from './scheduler.ts'
import { ServerProcess } from './server-process.ts'
import { policies } from './tables.ts'
import { startMs, World } from './world.ts'

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
  const scheduler = new Scheduler(startMs)
  const world = new World(planOf(seed, narrowing), scheduler, options.keepsLines ?? 60)
  const { oracle, plan } = world
  const cast = new Cast(world)
  await cast.begin()
  const isOver = () => oracle.violation !== null
  await scheduler.run(isOver, world.now() + plan.safetyMs)
  if (!oracle.violation) {
    world.trace.add('world', 'heals')
    cast.heal()
    let rest: string | null = 'nobody looked yet'
    const look = () => {
      rest = cast.devices.unrest()
      scheduler.after(2_000, look)
    }
    scheduler.after(0, look)
    const isQuiet = await scheduler.run(() => isOver() || rest === null, world.now() + livenessMs)
    const isDrained = cast.devices.all.every(({ watch }) => watch.pending === 0)
    if (!oracle.violation) {
      oracle.check('Drain', isDrained, () => `after ${livenessMs / 60_000} min: ${rest}`)
      checkAnswers(world, cast.devices.all)
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
  readonly devices: Devices
  #servers: ServerProcess[] = []
  #born = 0
  readonly #world: World
  readonly #dice
  readonly #workDice

  constructor(world: World) {
    this.#world = world
    this.#dice = world.dice.fork('cast')
    this.#workDice = world.dice.fork('background')
    this.devices = new Devices(world, () => this.#servers)
    world.restart = (server) => this.#restart(server)
  }

  async begin(): Promise<void> {
    const { database, plan } = this.#world
    const tx = database.begin()
    const more = plan.rates.edit_fields === undefined ? [] : fieldPolicies()
    for (const policy of [...policies(), ...more]) {
      await tx.put('policies', policy.name, { name: policy.name, version: 1, policy })
    }
    if (plan.rates.app_versions !== undefined)
      await tx.put('policies', machines, { name: machines, version: 1, ...machinesPolicy() })
    tx.commit()
    for (let i = 0; i < plan.servers; i++) this.#servers.push(this.#newServer())
    this.devices.begin()
    const people = new People(this.#world, () => this.#hands())
    void people.work()
    void people.bringUp()
    new SagaKeepers(this.#world, () => this.#sagaHands()).work()
    void new Retention(this.#world, () => this.#upServer()?.host ?? null).work()
    void this.#misfortune()
    void new Backups(this.#world).work(() => {
      for (const server of this.#servers) this.#restart(server, false)
    })
  }

  heal(): void {
    this.#world.isSafety = false
    this.#world.isDatabaseAway = false
    this.devices.heal()
  }

  #hands(): EngineHands | null {
    const up = this.#servers.filter((server) => server.isAlive)
    return up.length > 0 ? new EngineHands(this.#world, this.#dice.pick(up), this.#dice) : null
  }

  #sagaHands(): SagaHands | null {
    const server = this.#upServer()
    return server && engineSagaHands(server.engine)
  }

  /** A server for its own work in the background. */
  #upServer(): ServerProcess | null {
    const up = this.#servers.filter((server) => server.isAlive)
    return up.length > 0 ? this.#workDice.pick(up) : null
  }

  #newServer(): ServerProcess {
    const name = `server${++this.#born}`
    return new ServerProcess(this.#world, name, this.#world.dice.fork(name))
  }

  #restart(server: { crash: (mayRunOn?: boolean) => void }, mayRunOn = true): void {
    server.crash(mayRunOn)
    this.#servers = this.#servers.filter((each) => each !== server)
    this.#world.scheduler.after(this.#dice.between(100, 8_000), () => this.#servers.push(this.#newServer()))
  }

  async #misfortune(): Promise<void> {
    const world = this.#world
    while (world.isSafety) {
      await world.scheduler.sleep(this.#dice.between(500, 3_000))
      if (world.happens('database_stop', 0.02, this.#dice)) this.#stopDatabase()
    }
  }

  #stopDatabase(): void {
    const world = this.#world
    world.trace.add('database', 'stops')
    world.database.stop()
    world.isDatabaseAway = true
    world.scheduler.after(this.#dice.between(200, 15_000), () => (world.isDatabaseAway = false))
  }
}
