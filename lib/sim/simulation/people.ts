import { jsonEqual, type JsonObject } from '#lib/core/json.ts'
import type { TablePolicy } from '#lib/core/policy.ts'
import { expectedError } from '#lib/server/http/expected-error.ts'
import type { Rows } from '../model/tables.ts'
import type { Dice } from './dice.ts'
import type { Happening } from './plan.ts'
import { machines, machinesUpcasts } from './machines.ts'
import { unsupported } from './oracle/endings.ts'
import { policies, scopes, stateOf } from './tables.ts'
import type { World } from './world.ts'

export type Choice =
  | { choice: 'client' }
  | { choice: 'server' }
  | { choice: 'merged'; data: JsonObject | null }

/** What people do at the console, each deed on what they saw. Rejects with what the server says to it. */
export type Hands = {
  /** @param data null deletes it */
  put: (record: Rows['records'], data: JsonObject | null) => Promise<void>
  move: (record: Rows['records'], to: string) => Promise<void>
  resolve: (conflict: Rows['conflicts'], record: Rows['records'], choice: Choice) => Promise<void>
  /** @param edited what to send in place of the original; null sends it as it was */
  replay: (letter: Rows['letters'], edited: JsonObject | null) => Promise<void>
  settle: (letter: Rows['letters'], to: 'open' | 'discarded') => Promise<void>
  policy: (name: string, change: Partial<ReturnType<typeof policies>[number]>) => Promise<void>
  resync: (deviceId: string) => Promise<void>
  status: (deviceId: string, to: 'active' | 'revoked') => Promise<void>
  grant: (deviceId: string, scopes: string[]) => Promise<void>
}

/** The people at the console: what they do, and when. */
export class People {
  readonly #world: World
  readonly #hands: () => Hands | null
  readonly #dice: Dice

  /** @param hands null while no server is there */
  constructor(world: World, hands: () => Hands | null) {
    this.#world = world
    this.#hands = hands
    this.#dice = world.dice.fork('people')
  }

  /** Works until the end of the simulation. */
  async work(): Promise<void> {
    for (;;) {
      await this.#world.scheduler.sleep(this.#dice.between(200, 2_500))
      const hands = this.#hands()
      if (!hands || this.#world.oracle.violation) continue
      try {
        // A process that dies takes the person's request with it.
        await Promise.race([this.#do(hands), this.#world.scheduler.sleep(60_000)])
      } catch (thrown) {
        const error = expectedError(thrown)
        const stack = thrown instanceof Error ? thrown.stack : String(thrown)
        this.#world.oracle.check('NoFault', error.code !== 'internal', () => `a person gets 500: ${stack}`)
      }
    }
  }

  async #do(hands: Hands): Promise<void> {
    const dice = this.#dice
    if (!this.#world.isSafety) return this.#tidy(hands)
    const happens = (name: Happening, chance: number) => this.#world.happens(name, chance, dice)
    if (happens('put', 0.08)) {
      const record = this.#record()
      if (record) await hands.put(record, dice.chance(0.25) ? null : stateOf(dice, record.data))
    } else if (happens('move', 0.06)) {
      const record = this.#record()
      if (record?.data) await hands.move(record, record.scope === scopes[0] ? scopes[1] : scopes[0])
    } else if (happens('resolve', 0.2)) return this.#resolve(hands)
    else if (happens('letter', 0.15)) return this.#letter(hands)
    else if (happens('policy', 0.02)) return this.#policy(hands)
    else await this.#device(hands, happens)
  }

  async #device(hands: Hands, happens: (name: Happening, chance: number) => boolean): Promise<void> {
    const devices = this.#world.database.tables.all('devices')
    if (devices.length === 0) return
    const { id, status } = this.#dice.pick(devices)
    if (happens('resync', 0.03)) return hands.resync(id)
    if (happens('revoke_device', 0.02)) return hands.status(id, 'revoked')
    if (happens('revoke_scope', 0.05)) {
      return hands.grant(id, this.#dice.pick([['north'], ['south'], ['north', 'south'], ['north', 'south']]))
    }
    if (status === 'revoked') await hands.status(id, 'active')
  }

  #record(): Rows['records'] | null {
    const records = this.#world.database.tables.all('records').filter(({ table }) => table !== 'assets')
    return records.length > 0 ? this.#dice.pick(records) : null
  }

  /** Whoever was revoked is let in again, also where that came last of all; then conflicts are settled. */
  async #tidy(hands: Hands): Promise<void> {
    const revoked = this.#world.database.tables.all('devices').find(({ status }) => status === 'revoked')
    if (revoked) return hands.status(revoked.id, 'active')
    if (this.#world.plan.rates.app_versions === undefined) return this.#resolve(hands)
    const [letter] = unsupported(this.#world.database.tables)
    const { policy } = this.#world.database.tables.get('policies', machines)!
    if (!jsonEqual((policy as TablePolicy).upcasts, machinesUpcasts))
      return hands.policy(machines, { upcasts: machinesUpcasts })
    return letter ? hands.replay(letter, null) : this.#resolve(hands)
  }

  async #resolve(hands: Hands): Promise<void> {
    const { tables } = this.#world.database
    const open = tables.all('conflicts').filter(({ state }) => state === 'open')
    if (open.length === 0) return
    const conflict = this.#dice.pick(open)
    const record = tables
      .all('records')
      .find(
        ({ scope, table, id }) =>
          scope === conflict.scope && table === conflict.table && id === conflict.record_id,
      )
    if (!record) return
    const choice = this.#dice.pick(['client', 'server', 'merged'] as const)
    this.#world.count(`resolved by ${choice}`)
    const data = stateOf(this.#dice, record.data)
    await hands.resolve(conflict, record, choice === 'merged' ? { choice, data } : { choice })
  }

  async #letter(hands: Hands): Promise<void> {
    const dice = this.#dice
    const letters = this.#world.database.tables.all('letters').filter(({ state }) => state !== 'replayed')
    if (letters.length === 0) return
    const letter = dice.pick(letters)
    const to = letter.state === 'discarded' ? 'open' : 'discarded'
    if (to === 'open' || dice.chance(0.3)) {
      this.#world.count(`letter ${to}`)
      return hands.settle(letter, to)
    }
    const change = JSON.parse(letter.change) as JsonObject
    // A step of a saga is not sent alone, unless somebody makes a change of its own of it.
    const isStep = change['saga'] != null
    if (isStep && change['data'] == null) return
    const isEdited = isStep || (dice.chance(0.5) && change['data'] != null)
    this.#world.count(isEdited ? 'letter edited' : 'letter replayed')
    const table = change['table'] === 'nowhere' ? 'notes' : change['table']!
    await hands.replay(letter, isEdited ? { ...change, table, data: stateOf(dice, null) } : null)
  }

  /** Somebody writes the steps that were missing: what was refused for it can be replayed. */
  async bringUp(): Promise<void> {
    const { scheduler, plan } = this.#world
    if (plan.rates.app_versions === undefined) return
    const dice = this.#world.dice.fork('upcasts')
    await scheduler.sleep(dice.between(0, plan.safetyMs))
    const hands = this.#hands()
    if (hands) await hands.policy(machines, { upcasts: machinesUpcasts }).catch(() => {})
  }

  /** A policy gets another version, and sometimes another tiebreak. */
  #policy(hands: Hands): Promise<void> {
    const { name } = this.#dice.pick(policies())
    const tiebreak = this.#dice.pick(['manual', 'client', 'server'] as const)
    return hands.policy(name, name === 'notes' ? { tiebreak } : {})
  }
}
