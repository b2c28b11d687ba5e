import { randomBytes, randomUUID } from 'node:crypto'
import type { JsonObject } from '#lib/core/json.ts'
import { formatHlc, hlcNode } from '#lib/core/hlc.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import type { ChangeInput, SyncReply } from '#lib/protocol/sync.ts'
import type { Database } from '../db.ts'
import type { AuthenticatedDevice } from '../devices/authenticate.ts'
import { hashToken } from '../tokens.ts'
import { sha256Hex } from '../sync/read-changes.ts'
import { serverEngine } from '../sync/server-engine.ts'
import { sync } from '../sync/sync.ts'
import { defaultPolicy, type TablePolicy } from '#lib/core/policy.ts'

process.env['HOLDFAST_TOKEN_SECRET'] ??= randomBytes(32).toString('hex')

/** Sets a table's policy, defaults but for what is given. */
export async function putPolicy(
  db: Database,
  policy: Partial<TablePolicy> & { name: string },
): Promise<void> {
  const whole = { ...defaultPolicy(policy.name, policy.strategy), ...policy }
  await db.$executeRaw`
    INSERT INTO table_policy (name, policy, updated_by) VALUES (${policy.name}, ${JSON.stringify(whole)}::jsonb, 'test')
    ON CONFLICT (name) DO UPDATE SET policy = excluded.policy, version = table_policy.version + 1`
}

let tick = Date.now()

/**
 * A device that speaks the protocol by hand, one request at a time: for tests of what no good client sends. It keeps
 * count of its seqs and its token, and nothing else.
 */
export class RawDevice {
  readonly id = randomUUID()
  readonly token = randomBytes(16).toString('hex')
  incarnation: string = randomUUID()
  lastSeq = 0
  syncToken: string | null = null
  scopes: string[]
  /** As an admin's request for a full sync leaves it. */
  resyncReason: string | null = null
  #db: Database

  private constructor(db: Database, scopes: string[]) {
    this.#db = db
    this.scopes = scopes
  }

  static async enrol(db: Database, scopes = ['default']): Promise<RawDevice> {
    const device = new RawDevice(db, scopes)
    await db.$executeRaw`
      INSERT INTO device (id, name, token_hash, scopes, incarnation)
      VALUES (${device.id}::uuid, 'raw', ${hashToken(device.token)}, ${scopes}, ${device.incarnation}::uuid)`
    return device
  }

  /** From here on it talks to another server: the same one restored from a backup, say. */
  moveTo(db: Database): void {
    this.#db = db
  }

  /** The next operation of this device's stream, well formed but for what `over` says. */
  change(over: Partial<ChangeInput> & { data?: JsonObject | null } = {}): ChangeInput {
    const operation = over.operation ?? 'CREATE'
    const data = operation === 'DELETE' ? undefined : (over.data ?? { name: 'x' })
    return {
      op_id: randomUUID(),
      seq: ++this.lastSeq,
      table: 'things',
      operation,
      record_id: randomUUID(),
      base_version: 0,
      hlc: formatHlc({ millis: (tick = Math.max(tick + 1, Date.now())), counter: 0, node: hlcNode(this.id) }),
      checksum: recordChecksum(data ?? null, sha256Hex),
      ...over,
      ...(data === undefined ? {} : { data }),
    }
  }

  envelope(changes: unknown[], more: Record<string, unknown> = {}): Record<string, unknown> {
    return {
      protocol: 1,
      device_id: this.id,
      incarnation: this.incarnation,
      last_sync_token: this.syncToken,
      changes,
      ...more,
    }
  }

  /** Sends and reads the reply, without taking its token. */
  async send(changes: unknown[], more: Record<string, unknown> = {}): Promise<SyncReply & { text: string }> {
    const { body } = await sync(serverEngine(this.#db), this.identity(), this.envelope(changes, more), {
      traceId: randomBytes(16).toString('hex'),
      requestId: randomUUID(),
      sizeBytes: 0,
      seen: () => {},
    })
    const text = body.join('')
    return { ...(JSON.parse(text) as SyncReply), text }
  }

  /** Sends, and takes the token. */
  async sync(changes: unknown[] = [], more: Record<string, unknown> = {}) {
    const reply = await this.send(changes, more)
    if (!reply.resync) this.syncToken = reply.sync_token
    return reply
  }

  /** As the device route finds it. */
  identity(): AuthenticatedDevice {
    return {
      ...{ id: this.id, name: 'raw', status: 'active', scopes: this.scopes, incarnation: this.incarnation },
      ...{
        platform: '',
        appVersion: '',
        schemaVersion: 1,
        resyncReason: this.resyncReason,
        lastSyncAt: null,
      },
    }
  }
}
