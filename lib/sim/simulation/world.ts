import type { Write } from '#lib/client/ports.ts'
import { ModelDatabase } from '../model/model-database.ts'
import { createDice, type Dice } from './dice.ts'
import { Oracle } from './oracle/oracle.ts'
import type { Happening, Plan } from './plan.ts'
import type { DeviceWatch } from './oracle/device-watch.ts'
import type { Time } from './scheduler.ts'
import { Trace } from './trace.ts'

export const startMs = Date.parse('2026-11-22T08:00:00Z')
/** The history every simulated server begins with. */
const epoch = '0193f3a2-b4c0-7000-8000-00000000e90c'

/** What everybody in a simulation shares. */
export class World {
  readonly plan: Plan
  readonly scheduler: Time
  readonly dice: Dice
  readonly database: ModelDatabase
  readonly oracle: Oracle
  readonly trace: Trace
  /** How often each thing happened. */
  readonly counts = new Map<string, number>()
  /** False once everything heals. */
  isSafety = true
  isDatabaseAway = false
  /** Devices that live, or lived, in more than one store. */
  readonly twins = new Set<string>()
  /** The version of each device's app. */
  readonly appVersions = new Map<string, number>()
  #marks = 0
  /** Puts a new process in the place of one that dies. */
  restart: (server: { crash: () => void }) => void = () => {}

  constructor(plan: Plan, time: Time, keepsLines: number, history = epoch) {
    this.plan = plan
    this.database = new ModelDatabase(history)
    this.scheduler = time
    this.dice = createDice(`world ${plan.seed}`)
    this.trace = new Trace(() => this.scheduler.elapsedMs, keepsLines)
    this.oracle = new Oracle({
      database: this.database,
      elapsedMs: () => this.scheduler.elapsedMs,
      note: (text) => this.trace.add('oracle', text),
      count: (name) => this.count(name),
      isCopied: (deviceId) => this.twins.has(deviceId),
      appVersion: (deviceId) => this.appVersions.get(deviceId) ?? Infinity,
    })
    this.database.onCommit = (transaction) => this.oracle.committed(transaction)
  }

  now(): number {
    return this.scheduler.nowMs
  }

  /** A number that nobody had before. */
  nextMark(): number {
    return this.#marks++
  }

  /** A device's store has written. */
  wrote(watch: DeviceWatch, writes: readonly Write[]): void {
    watch.wrote(writes)
  }

  count(name: string, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by)
  }

  /** Whether something of the plan happens now, and notes that it does. */
  happens(name: Happening, probability: number, dice: Dice): boolean {
    const rate = this.isSafety ? this.plan.rates[name] : undefined
    // Rolled whether the plan has it or not, so that what is taken away shifts as little as can be.
    const roll = dice.unit()
    if (rate === undefined || roll >= probability * rate) return false
    this.count(name)
    return true
  }
}
