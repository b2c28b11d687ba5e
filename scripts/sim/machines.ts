import { createConsoleApi } from '#lib/sim/console-api.ts'
import type { Dice } from '#lib/sim/simulation/dice.ts'
import { fieldPolicies } from '#lib/sim/simulation/field-tables.ts'
import { machines, machinesPolicy } from '#lib/sim/simulation/machines.ts'
import { policies } from '#lib/sim/simulation/tables.ts'
import type { CutProxy } from './cut-proxy.ts'
import { endings } from './postgres-process.ts'
import { RealServer } from './real-server.ts'
import type { RealWorld } from './real-world.ts'
import { Restores } from './restores.ts'
import type { Stack } from './stack.ts'

type Machine = { server: RealServer; databaseProxy: CutProxy; isRestarting: boolean }

/** The web processes and the PostgreSQL of a simulation, and everything that happens to them. */
export class Machines {
  readonly #world: RealWorld
  readonly #stack: Stack
  readonly #dice: Dice
  #machines: Machine[] = []
  #isOver = false
  /** While the database is put back nobody starts. */
  #held: Promise<void> | null = null
  /** Deeds under way: a PostgreSQL that is coming back, a process that is frozen. */
  readonly #underWay = new Set<Promise<void>>()

  constructor(world: RealWorld, stack: Stack) {
    this.#world = world
    this.#stack = stack
    this.#dice = world.dice.fork('machines')
  }

  get servers(): RealServer[] {
    return this.#machines.map(({ server }) => server)
  }

  /** Starts the servers, and gives them the tables. */
  async begin(databaseUrl: string): Promise<void> {
    const owners = new Map<string, string>()
    for (let i = 1; i <= this.#world.plan.servers; i++) {
      const parts = await this.#stack.newServer(`server${i}`, databaseUrl)
      const server = new RealServer(this.#world, { ...parts, owners })
      this.#machines.push({ server, databaseProxy: parts.databaseProxy, isRestarting: false })
      await server.process.begin()
    }
    for (const { process } of this.servers) await process.ready()
    const baseUrl = `http://127.0.0.1:${this.servers[0]!.process.port}`
    const api = createConsoleApi({ baseUrl, apiKey: this.#stack.apiKey })
    const { rates } = this.#world.plan
    const fields = rates.edit_fields === undefined ? [] : fieldPolicies()
    for (const { name, ...policy } of [...policies(), ...fields]) await api.putTable(name, policy)
    if (rates.app_versions === undefined) return
    const { policy: newest, older } = machinesPolicy()
    for (const was of older) await api.putTable(machines, { ...newest, ...was, upcasts: {} })
    await api.putTable(machines, newest)
  }

  /**
   * Until the world heals. Kills are part of every plan that does not leave them out; the rest is as the plan says.
   * @param isComplete whether no device comes to be any more: a copy of before would lock it out
   */
  async misfortune(isComplete: () => boolean): Promise<void> {
    const { scheduler, plan } = this.#world
    const dice = this.#dice
    const schedule = (times: number, run: () => void) => {
      for (let i = 0; i < times; i++) {
        scheduler.after(dice.between(0.1, 0.95) * plan.safetyMs, () => this.#world.isSafety && run())
      }
    }
    if (plan.rates.server_crash) schedule(dice.int(1, 3), () => this.#kill(dice.pick(this.#machines)))
    if (plan.rates.database_stop) schedule(dice.int(1, 2), () => this.#endPostgres())
    if (plan.rates.server_disk_full) schedule(dice.int(1, 2), () => this.#fillDisk())
    if (plan.rates.server_restored) {
      const restores = new Restores(this.#world, this.#stack.postgres, this.#dice)
      this.#during(() => restores.work(isComplete, (deed) => this.#without(deed)))
    }
    while (this.#world.isSafety) {
      await scheduler.sleep(dice.between(500, 3_000))
      this.#restartTheDead()
      this.#spoilLines()
    }
  }

  /** Everything is up again, and stays so. */
  async heal(): Promise<void> {
    for (const { server, databaseProxy } of this.#machines) {
      server.proxy.calm()
      databaseProxy.calm()
    }
    await Promise.all(this.#underWay)
    for (const machine of this.#machines) {
      if (!machine.server.isAlive) await machine.server.process.begin()
      machine.isRestarting = false
    }
    for (const { process } of this.servers) await process.ready()
  }

  async end(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#underWay)
    for (const { server, databaseProxy } of this.#machines) {
      this.#world.count('cut line to a server', server.proxy.cuts)
      this.#world.count('cut line to Postgres', databaseProxy.cuts)
      await server.process.stop()
      await server.proxy.close()
      await databaseProxy.close()
    }
  }

  #kill(machine: Machine): void {
    const { server } = machine
    if (!server.isAlive) return
    machine.isRestarting = true
    this.#world.count('kill -9 of a server')
    this.#world.trace.add(server.name, 'killed')
    this.#during(async () => {
      await server.process.kill()
      await this.#world.scheduler.sleep(this.#dice.between(100, 8_000))
      await this.#begin(machine)
    })
  }

  /**
   * While the database is put back nobody starts. Servers that run are ended first, or go on with all they remember.
   */
  async #without(deed: () => Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#held = promise
    const areStopped = this.#dice.chance(0.6)
    this.#world.count(`restored under ${areStopped ? 'stopped' : 'running'} servers`)
    const stopped = areStopped ? this.#machines.filter(({ server }) => server.isAlive) : []
    for (const machine of stopped) {
      machine.isRestarting = true
      await machine.server.process.kill()
    }
    await deed()
    this.#held = null
    resolve()
    await Promise.all(stopped.map((machine) => this.#begin(machine)))
  }

  async #begin(machine: Machine): Promise<void> {
    while (this.#held) await this.#held
    if (!this.#isOver && !machine.server.isAlive) await machine.server.process.begin()
    machine.isRestarting = false
  }

  #restartTheDead(): void {
    for (const machine of this.#machines) {
      if (machine.server.isAlive || machine.isRestarting) continue
      this.#world.count('a server ended by itself')
      machine.isRestarting = true
      this.#during(() => this.#begin(machine))
    }
  }

  #endPostgres(): void {
    const { postgres } = this.#stack
    const world = this.#world
    if (world.isDatabaseAway) {
      world.scheduler.after(2_000, () => world.isSafety && this.#endPostgres())
      return
    }
    const ending = this.#dice.pick(endings)
    world.isDatabaseAway = true
    world.count(`Postgres ${ending}`)
    world.trace.add('postgres', ending)
    this.#during(async () => {
      await postgres.end(ending)
      if (ending !== 'backend') {
        await world.scheduler.sleep(this.#dice.between(200, 15_000))
        await postgres.again()
      }
      world.trace.add('postgres', 'is back')
      // What was seen as committed must have survived.
      const lost = await world.mirror.missing()
      world.oracle.check('AckDurable', lost === null, () => `after ${ending} of Postgres: ${lost}`)
      world.isDatabaseAway = false
    })
  }

  /** The disk that the database is on takes nothing more for a while: the kernel says so, and PostgreSQL to whoever writes. */
  #fillDisk(): void {
    const { disk } = this.#stack.postgres
    const world = this.#world
    if (!disk || world.isDatabaseAway || world.mayBeFullUntilMs > Date.now()) return
    world.mayBeFullUntilMs = Infinity
    world.count('server_disk_full')
    world.trace.add('postgres', 'has no room left')
    this.#during(async () => {
      await disk.fill()
      await world.scheduler.sleep(this.#dice.between(10_000, 60_000))
      await disk.free()
      world.trace.add('postgres', 'has room again')
      // A request that found none may still be on its way back.
      world.mayBeFullUntilMs = Date.now() + 15_000
    })
  }

  #spoilLines(): void {
    const world = this.#world
    const dice = this.#dice
    const { server, databaseProxy } = dice.pick(this.#machines)
    // On top of what the devices' own networks lose: here TCP itself breaks, at any byte.
    if (world.happens('truncate', 0.04, dice)) server.proxy.cutNext('there', dice.int(1, 2_000))
    if (world.happens('lose_reply', 0.04, dice)) server.proxy.cutNext('back', dice.pick([0, 0, 300]))
    if (world.happens('commit_answer_lost', 0.04, dice)) {
      databaseProxy.cutNext(dice.chance(0.7) ? 'back' : 'there', dice.pick([0, 0, 200]))
    }
    if (world.happens('server_stall', 0.06, dice)) {
      const ms = dice.between(50, 1_500)
      this.#during(() => server.process.freeze(ms))
    }
  }

  #during(deed: () => Promise<void>): void {
    const done = deed()
      .catch((error: unknown) => void (this.#world.fault ??= error))
      .finally(() => this.#underWay.delete(done))
    this.#underWay.add(done)
  }
}
