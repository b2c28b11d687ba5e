import type { JsonObject } from '#lib/core/json.ts'
import { expectedError } from '#lib/server/http/expected-error.ts'
import { systemActor } from '#lib/server/actor.ts'
import { lookAfterSagas } from '#lib/server/sagas/look-after.ts'
import { callOff } from '#lib/server/sync/end-saga.ts'
import { resendSaga } from '#lib/server/sync/resend-saga.ts'
import type { Engine } from '#lib/server/sync/engine.ts'
import type { Rows } from '../model/tables.ts'
import { stateOf } from './tables.ts'
import type { World } from './world.ts'

/** What is done about sagas once they are on the server. Rejects with what the server says to it. */
export type SagaHands = {
  /** A round of the worker; null where a server has one of its own. */
  lookAfter: ((timeoutMs: number) => Promise<unknown>) | null
  /** Calls a running saga off; tries again to undo what of a stuck one could not be. */
  callOff: (seen: Rows['sagas']) => Promise<void>
  /** @param edits steps that are sent otherwise than they were */
  retry: (seen: Rows['sagas'], edits: { step: number; data: JsonObject }[]) => Promise<void>
}

/** On the engine of a server. */
export function engineSagaHands(engine: Engine): SagaHands {
  const asSeen = ({ id, revision }: Rows['sagas']) => ({
    ...{ id, version: revision, actor: systemActor('operator'), reason: 'seen', traceId: 'd'.repeat(32) },
  })
  return {
    lookAfter: (timeoutMs) => lookAfterSagas(engine, timeoutMs),
    callOff: (seen) => callOff(engine, asSeen(seen)),
    retry: async (seen, edits) => void (await resendSaga(engine, { ...asSeen(seen), edits })),
  }
}

/** Who looks after sagas once they are on the server: its worker, and the people who call them off or try them again. */
export class SagaKeepers {
  readonly #world: World
  readonly #hands: () => SagaHands | null
  readonly #dice

  /** @param hands null while no server is there */
  constructor(world: World, hands: () => SagaHands | null) {
    this.#world = world
    this.#hands = hands
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
      const lookAfter = this.#hands()?.lookAfter
      if (!lookAfter) continue
      const round = lookAfter(plan.sagaTimeoutMs).catch(() => 0)
      if (this.#dice.chance(0.7)) await round
    }
  }

  async #operate(): Promise<void> {
    const { scheduler, oracle } = this.#world
    for (;;) {
      await scheduler.sleep(this.#dice.between(500, 6_000))
      const hands = this.#hands()
      if (!hands || oracle.violation) continue
      try {
        await Promise.race([this.#act(hands), scheduler.sleep(60_000)])
      } catch (thrown) {
        const error = expectedError(thrown)
        const stack = thrown instanceof Error ? thrown.stack : String(thrown)
        oracle.check('NoFault', error.code !== 'internal', () => `an operator gets 500: ${stack}`)
      }
    }
  }

  async #act(hands: SagaHands): Promise<void> {
    const sagas = this.#world.database.tables.all('sagas')
    if (sagas.length === 0) return
    const saga = this.#dice.pick(sagas)
    switch (saga.state) {
      case 'running':
        if (this.#world.happens('saga_called_off', 0.1, this.#dice)) await hands.callOff(saga)
        return
      case 'stuck':
        return hands.callOff(saga)
      case 'compensated':
        if (saga.retried_as !== null || !this.#world.happens('saga_retried', 0.3, this.#dice)) return
        return hands.retry(saga, this.#edits(saga))
      case 'completed':
      case 'compensating':
    }
  }

  /** Sometimes what failed is sent otherwise. */
  #edits({ failed_step: step }: Rows['sagas']) {
    return step !== null && this.#dice.chance(0.5) ? [{ step, data: stateOf(this.#dice, null) }] : []
  }
}
