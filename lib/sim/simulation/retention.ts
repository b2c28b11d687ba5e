import type { ModelHost } from '../model/model-database.ts'
import { lastExpiredSeq, pruneAnswers, raiseMinSeq, sweepFeed } from '../model/retention.ts'
import { scopes } from './tables.ts'
import type { World } from './world.ts'

/** What time takes: the log is compacted, and first answers are forgotten, long before anybody is ready for it. */
export class Retention {
  readonly #world: World
  readonly #host: () => ModelHost | null
  readonly #dice

  /** @param host a server that is up; null while none is */
  constructor(world: World, host: () => ModelHost | null) {
    this.#world = world
    this.#host = host
    this.#dice = world.dice.fork('retention')
  }

  async work(): Promise<void> {
    const { scheduler, plan } = this.#world
    const { compaction, forgotten_answers: forgetting } = plan.rates
    if (compaction === undefined && forgetting === undefined) return
    while (this.#world.isSafety) {
      await scheduler.sleep(this.#dice.between(2_000, 10_000))
      const host = this.#host()
      if (!host) continue
      try {
        if (this.#world.happens('compaction', 0.4, this.#dice)) await this.#compact(host)
        if (this.#world.happens('forgotten_answers', 0.4, this.#dice)) await this.#forget(host)
      } catch {
        // The process died, or the database was away: the next round goes on from there.
      }
    }
  }

  async #compact(host: ModelHost): Promise<void> {
    const { database, plan } = this.#world
    for (const scope of scopes) {
      const seq = lastExpiredSeq(database.tables, scope, host.now() - plan.keepMs)
      if (await raiseMinSeq(database, host, { scope, seq })) this.#world.count('min_seq raised')
      const maxCommits = this.#dice.int(1, 20)
      while ((await sweepFeed(database, host, { scope, maxCommits })) > 0) this.#world.count('swept')
    }
  }

  async #forget(host: ModelHost): Promise<void> {
    const { database, plan } = this.#world
    const asked = { beforeMs: host.now() - plan.keepMs, most: this.#dice.int(1, 20) }
    for (let gone = 1; gone > 0;) {
      gone = await pruneAnswers(database, host, asked)
      this.#world.count('answers forgotten', gone)
    }
  }
}
