import { z } from 'zod'
import type { Transport, TransportReply, TransportRequest } from '#lib/client/index.ts'
import { changeSchema } from '#lib/protocol/sync.ts'
import { createNodeTransport } from '#lib/sim/node-device.ts'
import type { Door } from '#lib/sim/simulation/network.ts'
import type { CutProxy } from './cut-proxy.ts'
import type { RealWorld } from './real-world.ts'
import type { WebProcess } from './web-process.ts'

const envelopeSchema = z.object({
  device_id: z.string(),
  incarnation: z.string(),
  last_sync_token: z.string().nullish(),
  changes: z.array(z.unknown()),
})
const enrolmentSchema = z.object({ device_id: z.string(), scopes: z.array(z.string()) })
const grantSchema = z.looseObject({
  device_token: z.string(),
  scopes: z.array(z.string()),
  limits: z.record(z.string(), z.number()),
})

/** The way to one web process over HTTP, with the oracle beside it. */
export class RealServer implements Door {
  readonly name: string
  readonly process: WebProcess
  /** Stands between the devices and the process. */
  readonly proxy: CutProxy
  readonly #world: RealWorld
  readonly #transport: Transport
  /** Whose token it is. */
  readonly #owners: Map<string, string>

  constructor(
    world: RealWorld,
    parts: { process: WebProcess; proxy: CutProxy; owners: Map<string, string> },
  ) {
    this.#world = world
    this.process = parts.process
    this.proxy = parts.proxy
    this.#owners = parts.owners
    this.name = parts.process.name
    this.#transport = createNodeTransport(`http://127.0.0.1:${parts.proxy.port}`)
  }

  /** A process that is starting refuses connections, as a port nobody listens on does. */
  get isAlive(): boolean {
    return this.process.isAlive
  }

  async handle(request: TransportRequest): Promise<TransportReply> {
    if (request.path === '/api/v1/enroll') return this.#enrol(request)
    const token = (request.headers['authorization'] ?? '').replace('Bearer ', '')
    const deviceId = this.#owners.get(token) ?? ''
    const { granted, ended } = this.#world.grants.began(deviceId)
    const { history } = this.#world
    try {
      const asked = request.method === 'POST' ? readEnvelope(request.body) : null
      const { replies } = this.#world.oracle
      if (asked) replies.asked({ ...asked, granted: [...granted] })
      const reply = await this.#send(request)
      if (reply.status !== 200) return reply
      // What was granted meanwhile counts.
      const scopes = [...granted]
      if (asked) this.#world.laterIn(history, () => replies.synced({ ...asked, granted: scopes }, reply.body))
      else if (request.path.startsWith('/api/v1/snapshot')) {
        this.#world.laterIn(history, () => replies.snapshot(scopes, reply.body))
      }
      return reply
    } finally {
      ended()
    }
  }

  async #enrol(request: TransportRequest): Promise<TransportReply> {
    const { device_id: deviceId, scopes } = enrolmentSchema.parse(JSON.parse(request.body ?? ''))
    this.#world.grants.change(deviceId, scopes)(false)
    const reply = await this.#send(request)
    if (reply.status !== 201) return reply
    const grant = grantSchema.parse(JSON.parse(reply.body))
    this.#owners.set(grant.device_token, deviceId)
    // Smaller chunks than the server would take, so that many meet in a short time.
    grant.limits['chunk_changes'] = this.#world.plan.chunkChanges
    return { ...reply, body: JSON.stringify(grant) }
  }

  async #send(request: TransportRequest): Promise<TransportReply> {
    const reply = await this.#transport.send({ ...request, timeoutMs: 10_000 })
    this.#world.count(`status ${reply.status}`)
    if (!this.#world.isPromised(reply.status)) {
      const log = await this.process.logOf(reply.body)
      this.#world.oracle.check('NoFault', false, () => `${this.name}: ${reply.status} ${reply.body}\n${log}`)
    }
    return reply
  }
}

/** What is asked, as it is about to be sent; null for what was damaged on the way. */
function readEnvelope(body: string | null) {
  let parsed: unknown = null
  try {
    parsed = JSON.parse(body ?? '')
  } catch {
    return null
  }
  const envelope = envelopeSchema.safeParse(parsed).data
  if (!envelope) return null
  const { device_id: deviceId, incarnation, last_sync_token: token = null } = envelope
  const changes = envelope.changes.flatMap((change) => changeSchema.safeParse(change).data ?? [])
  return { deviceId, incarnation, token, changes }
}
