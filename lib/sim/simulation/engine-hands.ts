import { v7 } from 'uuid'
import type { JsonObject } from '#lib/core/json.ts'
import { AppError } from '#lib/protocol/errors.ts'
import { writeRecord, type RecordWrite } from '#lib/server/sync/write.ts'
import type { DeviceRow, Rows } from '../model/tables.ts'
import type { Transaction } from '../model/transaction.ts'
import type { Dice } from './dice.ts'
import type { Choice, Hands } from './people.ts'
import type { ServerProcess } from './server-process.ts'
import type { policies } from './tables.ts'
import type { World } from './world.ts'

/** What people write goes through the product's push path, as its verbs send it there. */
export class EngineHands implements Hands {
  readonly #world: World
  readonly #server: ServerProcess
  readonly #dice: Dice

  constructor(world: World, server: ServerProcess, dice: Dice) {
    this.#world = world
    this.#server = server
    this.#dice = dice
  }

  put(record: Rows['records'], data: JsonObject | null): Promise<void> {
    return this.#write({
      mode: 'exact',
      change: {
        ...{ op_id: this.#newId(), table: record.table, record_id: record.id, scope: record.scope, data },
        ...{
          operation: data === null ? 'DELETE' : record.deleted ? 'CREATE' : 'UPDATE',
          base_version: record.version,
        },
      },
    })
  }

  move({ table, id, data, scope, version }: Rows['records'], to: string): Promise<void> {
    return this.#write({
      change: {
        ...{ op_id: this.#newId(), table, record_id: id, data, from_scope: scope, scope: to },
        ...{ operation: 'UPDATE', base_version: version },
      },
    })
  }

  resolve(conflict: Rows['conflicts'], record: Rows['records'], choice: Choice): Promise<void> {
    const { scope, table, record_id } = conflict
    const chosen = { client: conflict.client_data, server: record.data }
    const data = choice.choice === 'merged' ? choice.data : chosen[choice.choice]
    return this.#write({
      mode: 'exact',
      change: {
        ...{ op_id: this.#newId(), table, record_id, scope, data },
        ...{ operation: data === null ? 'DELETE' : 'UPDATE', base_version: record.version },
      },
      resolves: {
        ...{ conflictId: conflict.id, conflictVersion: conflict.version, choice: choice.choice },
        ...{ reason: 'seen', resolvedBy: 'admin' },
      },
    })
  }

  replay(letter: Rows['letters'], edited: JsonObject | null): Promise<void> {
    const original = JSON.parse(letter.change) as JsonObject
    const { seq: _seq, checksum: _checksum, saga: _saga, ...rest } = edited ?? original
    const change = { ...rest, op_id: this.#newId() } as RecordWrite['change']
    return this.#write({
      by: letter.device_id ? { kind: 'device', id: letter.device_id } : { kind: 'person', id: 'admin' },
      deviceId: letter.device_id,
      change,
      schemaVersion: edited ? undefined : letter.schema_version,
      replays: {
        ...{
          deadLetterId: letter.id,
          deadLetterVersion: letter.version,
          schemaVersion: letter.schema_version,
        },
        ...{ edited: edited ? JSON.stringify(change) : null, actor: 'admin' },
      },
    })
  }

  settle({ id, state }: Rows['letters'], to: 'open' | 'discarded'): Promise<void> {
    return this.#admin(async (tx) => {
      await tx.lock('letters', id)
      const known = tx.get('letters', id)
      if (known?.state !== state) throw new AppError('conflict', 'Somebody settled it first.')
      await tx.put('letters', id, { ...known, state: to, version: known.version + 1 })
    })
  }

  policy(name: string, change: Partial<ReturnType<typeof policies>[number]>): Promise<void> {
    return this.#admin(async (tx) => {
      await tx.lock('policies', name)
      const known = tx.get('policies', name)!
      const policy = { ...(known.policy as object), ...change }
      await tx.put('policies', name, { ...known, version: known.version + 1, policy })
    })
  }

  resync(deviceId: string): Promise<void> {
    return this.#change(deviceId, { resync_reason: 'history_diverged' })
  }

  status(deviceId: string, to: 'active' | 'revoked'): Promise<void> {
    return this.#change(deviceId, { status: to })
  }

  grant(deviceId: string, scopes: string[]): Promise<void> {
    return this.#change(deviceId, { scopes })
  }

  #change(deviceId: string, change: Partial<DeviceRow>): Promise<void> {
    return this.#admin(async (tx) => {
      await tx.lock('devices', deviceId)
      const row = tx.get('devices', deviceId)
      if (row) await tx.put('devices', deviceId, { ...row, ...change })
    })
  }

  async #write(write: Partial<RecordWrite> & Pick<RecordWrite, 'change'>): Promise<void> {
    const audit = { action: 'record.put', target: 'record', targetId: write.change.record_id }
    const actor = { kind: 'device', id: 'admin', name: 'admin' } as const
    await writeRecord(
      {
        by: { kind: 'person', id: 'admin' },
        audit: [{ ...audit, actor }],
        traceId: 'b'.repeat(32),
        ...write,
      },
      this.#server.engine,
    )
  }

  #newId(): string {
    return v7({ msecs: Math.floor(this.#world.now()), random: this.#dice.bytes(16) })
  }

  #admin(work: (tx: Transaction) => Promise<void>): Promise<void> {
    const { host } = this.#server
    return this.#world.database.transaction(host, async (tx) => {
      await host.step({ name: 'admin', commits: false })
      await work(tx)
    })
  }
}
