import { v7 } from 'uuid'
import { AppError, errorCodes } from '#lib/protocol/errors.ts'
import type { TransportReply, TransportRequest } from '#lib/client/index.ts'
import { changeSchema } from '#lib/protocol/sync.ts'
import type { AuthenticatedDevice } from '#lib/server/devices/authenticate.ts'
import { expectedError } from '#lib/server/http/expected-error.ts'
import { jitteredRetryMs } from '#lib/server/http/reply.ts'
import type { Engine } from '#lib/server/sync/engine.ts'
import { snapshotPage } from '#lib/server/sync/snapshot.ts'
import { serverStamps } from '#lib/server/sync/stamps.ts'
import { sync } from '#lib/server/sync/sync.ts'
import { takeTurns } from '#lib/server/sync/turns.ts'
import { policiesFrom } from '#lib/server/tables/policy-cache.ts'
import { away, type ModelHost, type Statement } from '../model/model-database.ts'
import { ModelError } from '../model/model-error.ts'
import { modelStore, readPolicies } from '../model/model-store.ts'
import type { Dice } from './dice.ts'
import { secret } from './secret.ts'
import type { World } from './world.ts'

/** Of a transaction that has begun: a process that dies leaves it to the database, which may well finish it. */
const inTransaction = /^(lock|write|settle|publish|commit|clear|admin|raise|sweep|prune)/

/** One process of the server, from its start to its end. */
export class ServerProcess {
  readonly name: string
  readonly engine: Engine
  isAlive = true
  readonly #world: World
  readonly #dice: Dice
  /** How the database goes on with what a dead process began. */
  #runsOn = false
  readonly #interrupted = new Set<() => void>()

  constructor(world: World, name: string, dice: Dice) {
    this.#world = world
    this.name = name
    this.#dice = dice
    // The clocks of servers differ a little.
    const offsetMs = dice.int(-400, 400)
    const now = () => Math.floor(world.now() + offsetMs)
    const host: ModelHost = { now: () => Math.floor(world.now()), step: (statement) => this.#step(statement) }
    this.engine = {
      store: modelStore(world.database, host),
      policies: policiesFrom((names) => readPolicies(world.database, host, names)),
      now,
      random: dice.unit,
      newId: () => v7({ msecs: now(), random: dice.bytes(16) }),
      sleep: (ms) => world.scheduler.sleep(ms),
      secret: () => secret,
      stamps: serverStamps(now),
      turns: takeTurns(),
      notify: ({ kinds }) => world.trace.add(name, `notify ${kinds.join(' ')}`),
      log: { started() {}, completed() {}, conflict() {}, retried() {}, failed() {} },
    }
    this.host = host
  }

  readonly host: ModelHost

  /** Ends at once, whatever it is doing. @param mayRunOn whether the database may finish what it began */
  crash(mayRunOn = true): void {
    this.isAlive = false
    this.#runsOn = this.#dice.chance(0.5) && mayRunOn
    this.#world.trace.add(this.name, `dies${this.#runsOn ? ', its transactions go on' : ''}`)
    for (const interrupt of this.#interrupted) interrupt()
  }

  /** Answers a request. Rejects, or never resolves, where the process ends before it has. */
  handle(request: TransportRequest): Promise<TransportReply> {
    return new Promise((resolve, reject) => {
      const interrupt = () => reject(new Error('connection reset'))
      this.#interrupted.add(interrupt)
      const answer = async () => {
        const reply = await this.#answer(request)
        this.#interrupted.delete(interrupt)
        if (this.isAlive) resolve(reply)
      }
      void answer()
    })
  }

  async #answer(request: TransportRequest): Promise<TransportReply> {
    try {
      const body = await this.#route(request)
      return { status: 200, headers: {}, body }
    } catch (thrown) {
      const error = expectedError(thrown)
      if (error.code === 'internal') {
        const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
        this.#world.oracle.check('NoFault', false, () => `${this.name} answers 500: ${text}`)
      }
      return problemReply(error, this.#dice)
    }
  }

  async #route({ method, path, headers, body }: TransportRequest): Promise<string> {
    if (path === '/api/v1/enroll') return this.#enrol(readJson(body) as EnrolBody)
    const device = await this.#authenticate(headers['authorization'] ?? '')
    if (method === 'POST') return this.#sync(device, body ?? '')
    const query = new URL(path, 'http://server').searchParams
    const text = await snapshotPage(
      device,
      { cursor: query.get('cursor') ?? undefined, limit: 7 },
      this.engine,
    )
    this.#world.oracle.replies.snapshot(device.scopes, text)
    return text
  }

  async #authenticate(authorization: string): Promise<AuthenticatedDevice> {
    await this.host.step({ name: 'authenticate', commits: false })
    const token = authorization.replace('Bearer ', '')
    const row = this.#world.database.tables.all('devices').find((device) => device.token === token)
    if (!row) throw new AppError('unauthenticated', 'This device token is not valid.')
    if (row.status === 'revoked') throw new AppError('device_revoked', 'This device was revoked.')
    return {
      ...{ id: row.id, name: '', status: row.status, scopes: row.scopes, incarnation: row.incarnation },
      ...{
        platform: '',
        appVersion: '',
        schemaVersion: 1,
        resyncReason: row.resync_reason,
        lastSyncAt: null,
      },
    }
  }

  async #sync(device: AuthenticatedDevice, body: string): Promise<string> {
    const envelope = readJson(body)
    const changes = (envelope['changes'] as unknown[]).flatMap(
      (change) => changeSchema.safeParse(change).data ?? [],
    )
    const asked = {
      ...{
        deviceId: device.id,
        incarnation: String(envelope['incarnation']),
        granted: device.scopes,
        changes,
      },
      token: (envelope['last_sync_token'] ?? null) as string | null,
    }
    const { oracle } = this.#world
    oracle.replies.asked(asked)
    const facts = { traceId: 'a'.repeat(32), requestId: 'request', sizeBytes: body.length, seen: () => {} }
    const synced = await sync(this.engine, device, envelope, facts)
    const text = synced.body.join('')
    oracle.replies.synced(asked, text)
    return text
  }

  async #enrol(body: EnrolBody): Promise<string> {
    const { database, plan } = this.#world
    let token = Buffer.from(this.#dice.bytes(16)).toString('hex')
    let granted = body.scopes
    await database.transaction(this.host, async (tx) => {
      await this.host.step({ name: 'admin enrol', commits: false })
      await tx.lock('devices', body.device_id)
      const known = tx.get('devices', body.device_id)
      // A request that comes again, late, must neither lock the device out nor give back what was revoked.
      if (known) ({ token, scopes: granted } = known)
      else
        await tx.put('devices', body.device_id, {
          ...{ id: body.device_id, token, status: 'active', scopes: body.scopes },
          ...{ incarnation: body.incarnation, resync_reason: null },
        })
    })
    return JSON.stringify({
      ...{ device_token: token, scopes: granted, epoch: database.epoch },
      limits: { chunk_changes: plan.chunkChanges, chunk_bytes: 100_000, max_record_bytes: 2_000 },
      tables: database.tables.all('policies').map(({ name, policy }) => {
        const { strategy, priority, schema_version } = policy as Record<string, unknown>
        return { name, strategy, priority, schema_version }
      }),
    })
  }

  async #step({ name, commits }: Statement): Promise<void> {
    const { scheduler, trace } = this.#world
    const mayGoOn = () => this.isAlive || (this.#runsOn && inTransaction.test(name))
    if (!mayGoOn()) throw away()
    const isStalled = this.#world.happens('server_stall', 0.01, this.#dice)
    // The moment after a commit is as long as the answer takes to the process.
    await scheduler.sleep(
      isStalled ? this.#dice.between(50, 3_000) : this.#dice.between(0.1, this.#world.plan.statementMs),
    )
    trace.add(this.name, name)
    if (!mayGoOn()) throw away()
    if (this.#world.isDatabaseAway) throw away()
    if (this.isAlive && this.#world.happens('server_crash', 0.004, this.#dice)) {
      this.#world.restart(this)
      if (!mayGoOn()) throw away()
    }
    if (commits && this.#world.happens('commit_answer_lost', 0.02, this.#dice)) throw away()
    if (name === 'write records' && this.#world.happens('server_disk_full', 0.03, this.#dice)) {
      throw new ModelError('53100', 'could not extend file: No space left on device')
    }
  }
}

function readJson(body: string | null): Record<string, unknown> {
  try {
    return JSON.parse(body ?? '') as Record<string, unknown>
  } catch (cause) {
    throw new AppError('malformed', 'The body is not valid JSON; it may have been cut off.', { cause })
  }
}

type EnrolBody = { device_id: string; incarnation: string; scopes: string[] }

function problemReply(error: AppError, dice: Dice): TransportReply {
  const { status, retryable, title } = errorCodes[error.code]
  const extras = { ...error.extras }
  if (status >= 503) extras.retry_after_ms ??= jitteredRetryMs(2_000, dice.unit)
  return {
    status,
    headers: {},
    body: JSON.stringify({ title, status, detail: error.message, code: error.code, retryable, ...extras }),
  }
}
