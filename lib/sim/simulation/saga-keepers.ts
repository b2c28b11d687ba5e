import { expectedError } from '#lib/server/http/expected-error.ts'
import { systemActor } from '#lib/server/actor.ts'
import { lookAfterSagas } from '#lib/server/sagas/look-after.ts'
import { callOff } from '#lib/server/sync/end-saga.ts'
import { resendSaga } from '#lib/server/sync/resend-saga.ts'
import type { Engine } from '#lib/server/sync/engine.ts'
import type { Rows } from '../model/tables.ts'
import { stateOf } from './tables.ts'
import type { World } from './world.ts'

/** Who looks after sagas once they are on the server: its worker, and the people who call them off or try them again. */
export class SagaKeepers {
  readonly #world: World
  readonly #engine: () => Engine | null
  readonly #dice

  /** @param engine of a server that is up; null while none is */
  constructor(world: World, engine: () => Engine | null) {
    this.#world = world
    this.#engine = engine
    this.#dice = world.dice.fork('saga keepers')
  }

  /** Both work until the end of the simulation. */
  work(): void {
    if (this.#world.plan.rates.saga === undefined) return
    void this.#lookAfter()
    void this.#operate()
  }

  /** The worker's rounds. Its process may die at any statement; and a round that is slow meets the next. */
  async #lookAfter(): Promise<void> {
    const { scheduler, plan } = this.#world
    for (;;) {
      await scheduler.sleep(this.#dice.between(2_000, 12_000))
      const engine = this.#engine()
      if (!engine) continue
      const round = lookAfterSagas(engine, plan.sagaTimeoutMs).catch(() => 0)
      if (this.#dice.chance(0.7)) await round
    }
  }

  async #operate(): Promise<void> {
    const { scheduler, oracle } = this.#world
    for (;;) {
      await scheduler.sleep(this.#dice.between(500, 6_000))
      const engine = this.#engine()
      if (!engine || oracle.violation) continue
      try {
        await Promise.race([this.#act(engine), scheduler.sleep(60_000)])
      } catch (thrown) {
        const error = expectedError(thrown)
        const stack = thrown instanceof Error ? thrown.stack : String(thrown)
        oracle.check('NoFault', error.code !== 'internal', () => `an operator gets 500: ${stack}`)
      }
    }
  }

  async #act(engine: Engine): Promise<void> {
    const sagas = this.#world.database.tables.all('sagas')
    if (sagas.length === 0) return
    const saga = this.#dice.pick(sagas)
    const seen = {
      ...{ id: saga.id, version: saga.revision, actor: systemActor('operator') },
      ...{ reason: 'seen', traceId: 'd'.repeat(32) },
    }
    switch (saga.state) {
      case 'running':
        if (this.#world.happens('saga_called_off', 0.1, this.#dice)) await callOff(engine, seen)
        return
      case 'stuck':
        return callOff(engine, seen)
      case 'compensated':
        if (saga.retried_as !== null || !this.#world.happens('saga_retried', 0.3, this.#dice)) return
        await resendSaga(engine, { ...seen, edits: this.#edits(saga) })
        return
      case 'completed':
      case 'compensating':
    }
  }

  /** Sometimes what failed is sent otherwise. */
  #edits({ failed_step: step }: Rows['sagas']) {
    return step !== null && this.#dice.chance(0.5) ? [{ step, data: stateOf(this.#dice, null) }] : []
  }
}
