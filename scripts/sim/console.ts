import type { JsonObject } from '#lib/core/json.ts'
import type { Rows } from '#lib/sim/model/tables.ts'
import type { Choice, Hands } from '#lib/sim/simulation/people.ts'
import type { SagaHands } from '#lib/sim/simulation/saga-keepers.ts'
import type { RealServer } from './real-server.ts'
import type { RealWorld } from './real-world.ts'

type Call = { method: string; path: string; body: object; etag?: string | number }

/** People at the console, as scripts with an API key: on the real API, over the same bad lines as the devices. */
export class Console implements Hands, SagaHands {
  readonly #world: RealWorld
  readonly #server: RealServer
  readonly #apiKey: string

  constructor(world: RealWorld, server: RealServer, apiKey: string) {
    this.#world = world
    this.#server = server
    this.#apiKey = apiKey
  }

  async put({ scope, table, id, version }: Rows['records'], data: JsonObject | null): Promise<void> {
    const path = `/records/${table}/${id}?scope=${scope}`
    if (data) await this.#call({ method: 'PUT', path, body: { data }, etag: version })
    else await this.#call({ method: 'DELETE', path, body: {}, etag: version })
  }

  /** The API moves no record: a device does. */
  move(): Promise<void> {
    return Promise.resolve()
  }

  async resolve(conflict: Rows['conflicts'], { version }: Rows['records'], choice: Choice): Promise<void> {
    const body = { ...choice, reason: 'seen' }
    const etag = `${conflict.version}.${version}`
    await this.#call({ method: 'POST', path: `/conflicts/${conflict.id}/resolve`, body, etag })
  }

  async replay({ id, version }: Rows['letters'], edited: JsonObject | null): Promise<void> {
    // A step that somebody makes a change of its own of is no step any more.
    const { saga: _saga, ...change } = edited ?? {}
    const body = edited ? { change } : {}
    await this.#call({ method: 'POST', path: `/dead-letters/${id}/replay`, body, etag: version })
  }

  async settle({ id, version }: Rows['letters'], to: 'open' | 'discarded'): Promise<void> {
    const path = `/dead-letters/${id}/${to === 'open' ? 'restore' : 'discard'}`
    await this.#call({ method: 'POST', path, body: { reason: 'seen' }, etag: version })
  }

  /** The worker of each server does. */
  readonly lookAfter = null

  async callOff({ id, revision }: Rows['sagas']): Promise<void> {
    const body = { reason: 'seen' }
    await this.#call({ method: 'POST', path: `/sagas/${id}/compensate`, body, etag: revision })
  }

  async retry({ id, revision }: Rows['sagas'], edits: { step: number; data: JsonObject }[]): Promise<void> {
    const body = { reason: 'seen', edits }
    await this.#call({ method: 'POST', path: `/sagas/${id}/retry`, body, etag: revision })
  }

  async policy(name: string, change: object): Promise<void> {
    const known = this.#world.database.tables.get('policies', name)
    if (!known) return
    const policy = { ...(known.policy as object), ...change }
    await this.#call({ method: 'PUT', path: `/tables/${name}`, body: policy, etag: known.version })
  }

  async resync(deviceId: string): Promise<void> {
    await this.#device(deviceId, 'resync')
  }

  async status(deviceId: string, to: 'active' | 'revoked'): Promise<void> {
    await this.#device(deviceId, to === 'active' ? 'restore' : 'revoke')
  }

  async grant(deviceId: string, scopes: string[]): Promise<void> {
    const { history, grants } = this.#world
    const ended = grants.change(deviceId, scopes)
    const isDone = await this.#call({ method: 'PUT', path: `/devices/${deviceId}/scopes`, body: { scopes } })
    ended(isDone && this.#world.history === history)
  }

  #device(id: string, action: string): Promise<boolean> {
    return this.#call({ method: 'POST', path: `/devices/${id}/${action}`, body: { reason: 'simulated' } })
  }

  /** Once more where no answer came, under the same Idempotency-Key. @returns whether it is known to have been done */
  async #call(call: Call): Promise<boolean> {
    const key = crypto.randomUUID()
    return (await this.#send(call, key)) ?? (await this.#send(call, key)) ?? false
  }

  /** @returns whether it was done; null where nobody said */
  async #send({ method, path, body, etag }: Call, key: string): Promise<boolean | null> {
    const reply = await fetch(`http://127.0.0.1:${this.#server.proxy.port}/api/v1${path}`, {
      method,
      headers: {
        ...{ authorization: `Bearer ${this.#apiKey}`, 'content-type': 'application/json' },
        'idempotency-key': key,
        ...(etag === undefined ? {} : { 'if-match': `"${etag}"` }),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    }).catch(() => null)
    const text = await reply?.text().catch(() => null)
    if (!reply || text == null) return null
    this.#world.count(`console ${reply.status}`)
    this.#world.trace.add(
      'console',
      `${method} ${path} ${reply.status} ${reply.ok ? '' : text.slice(0, 160)}`,
    )
    if (!this.#world.isPromised(reply.status)) {
      const log = await this.#server.process.logOf(text)
      this.#world.oracle.check('NoFault', false, () => `a person gets ${reply.status} ${text}\n${log}`)
    }
    return reply.status >= 500 ? null : reply.ok
  }
}
