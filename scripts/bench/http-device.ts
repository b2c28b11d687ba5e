import { once } from 'node:events'
import { Agent, request, type IncomingMessage } from 'node:http'
import type { Stack } from './stack.ts'
import type { Workload } from './workload.ts'

/** One keep-alive connection of an enrolled device: the least a client can cost, so that the server is measured. */
export class HttpDevice {
  readonly workload: Workload
  readonly #origin: string
  readonly #token: string
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  /** As JSON text: it is spliced into requests that were made ready before it was known. */
  #syncToken = 'null'

  private constructor(origin: string, workload: Workload, token: string) {
    this.#origin = origin
    this.workload = workload
    this.#token = token
  }

  static async enrol(
    { origin, enrollmentKey }: Pick<Stack, 'origin' | 'enrollmentKey'>,
    workload: Workload,
  ): Promise<HttpDevice> {
    const { deviceId, incarnation, scope } = workload
    const reply = await fetch(`${origin}/api/v1/enroll`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        enrollment_key: enrollmentKey,
        ...{ device_id: deviceId, incarnation, name: 'bench', platform: 'bench', scopes: [scope] },
      }),
    })
    const body = (await reply.json()) as { device_token?: string; detail?: string }
    if (!body.device_token) throw new Error(`enrolment failed: ${reply.status} ${body.detail}`)
    return new HttpDevice(origin, workload, body.device_token)
  }

  /** The part of a request that is known beforehand; the token goes before it. */
  ready(changes: readonly object[], pullLimit: number): Buffer {
    const { deviceId, incarnation } = this.workload
    const rest = { protocol: 1, device_id: deviceId, incarnation, changes, pull: { limit: pullLimit } }
    return Buffer.from(`,${JSON.stringify(rest).slice(1)}`)
  }

  /** Sends, and takes the token of the reply. @returns the reply as text */
  async sync(ready: Buffer): Promise<string> {
    const text = await this.#send('POST', '/api/v1/sync', [
      Buffer.from(`{"last_sync_token":${this.#syncToken}`),
      ready,
    ])
    this.#syncToken = /^\{"sync_token":("[^"]*"|null)/.exec(text)?.[1] ?? 'null'
    return text
  }

  /** Reads the feed from its beginning, next time. */
  forgetToken(): void {
    this.#syncToken = 'null'
  }

  get(path: string): Promise<string> {
    return this.#send('GET', path)
  }

  close(): void {
    this.#agent.destroy()
  }

  async #send(method: string, path: string, body: Buffer[] = []): Promise<string> {
    const sizeBytes = body.reduce((sum, { length }) => sum + length, 0)
    const outgoing = request(new URL(path, this.#origin), {
      method,
      agent: this.#agent,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(sizeBytes > 0 && { 'content-type': 'application/json', 'content-length': sizeBytes }),
      },
    })
    for (const part of body) outgoing.write(part)
    outgoing.end()
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage]
    const parts: Buffer[] = []
    reply.on('data', (part: Buffer) => parts.push(part))
    await once(reply, 'end')
    const text = Buffer.concat(parts).toString()
    if (reply.statusCode !== 200)
      throw new Error(`${path} answered ${reply.statusCode}: ${text.slice(0, 500)}`)
    return text
  }
}
