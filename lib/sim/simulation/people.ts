import { v7 } from 'uuid'
import type { JsonObject } from '#lib/core/json.ts'
import { AppError } from '#lib/protocol/errors.ts'
import { expectedError } from '#lib/server/http/expected-error.ts'
import { writeRecord, type RecordWrite } from '#lib/server/sync/write.ts'
import type { DeviceRow } from '../model/tables.ts'
import type { Transaction } from '../model/transaction.ts'
import type { Dice } from './dice.ts'
import type { ServerProcess } from './server-process.ts'
import { policies, scopes, stateOf } from './tables.ts'
import type { World } from './world.ts'

/** The people at the console. What they write goes through the product's push path, as its verbs send it there. */
export class People {
  readonly #world: World
  readonly #servers: () => readonly ServerProcess[]
  readonly #dice: Dice

  constructor(world: World, servers: () => readonly ServerProcess[]) {
    this.#world = world
    this.#servers = servers
    this.#dice = world.dice.fork('people')
  }

  /** Works until the end of the simulation. */
  async work(): Promise<void> {
    for (;;) {
      await this.#world.scheduler.sleep(this.#dice.between(200, 2_500))
      const up = this.#servers().filter((server) => server.isAlive)
      if (up.length === 0 || this.#world.oracle.violation) continue
      const server = this.#dice.pick(up)
      try {
        // A process that dies takes the person's request with it.
        await Promise.race([this.#do(server), this.#world.scheduler.sleep(60_000)])
      } catch (thrown) {
        const error = expectedError(thrown)
        const stack = thrown instanceof Error ? thrown.stack : String(thrown)
        this.#world.oracle.check('NoFault', error.code !== 'internal', () => `a person gets 500: ${stack}`)
      }
    }
  }

  async #do(server: ServerProcess): Promise<void> {
    const { isSafety } = this.#world
    if (!isSafety) return this.#resolve(server)
    const happens = (name: Parameters<World['happens']>[0], chance: number) =>
      this.#world.happens(name, chance, this.#dice)
    if (happens('put', 0.08)) return this.#put(server)
    if (happens('move', 0.06)) return this.#move(server)
    if (happens('resolve', 0.2)) return this.#resolve(server)
    if (happens('letter', 0.15)) return this.#letter(server)
    if (happens('policy', 0.02)) return this.#policy(server)
    if (happens('resync', 0.03))
      return this.#change(server, (row) => ({ ...row, resync_reason: 'history_diverged' }))
    if (happens('revoke_device', 0.02)) return this.#change(server, (row) => ({ ...row, status: 'revoked' }))
    if (happens('revoke_scope', 0.05))
      return this.#change(server, (row) => ({ ...row, scopes: this.#scopes() }))
    return this.#change(server, (row) => (row.status === 'revoked' ? { ...row, status: 'active' } : row))
  }

  #scopes(): string[] {
    return this.#dice.pick([['north'], ['south'], ['north', 'south'], ['north', 'south']])
  }

  #write(server: ServerProcess, write: Partial<RecordWrite> & Pick<RecordWrite, 'change'>) {
    const audit = { action: 'record.put', target: 'record', targetId: write.change.record_id }
    const actor = { kind: 'device', id: 'admin', name: 'admin' } as const
    return writeRecord(
      {
        by: { kind: 'person', id: 'admin' },
        audit: [{ ...audit, actor }],
        traceId: 'b'.repeat(32),
        ...write,
      },
      server.engine,
    )
  }

  #newId(): string {
    return v7({ msecs: Math.floor(this.#world.now()), random: this.#dice.bytes(16) })
  }

  #record() {
    const records = this.#world.database.tables.all('records').filter(({ table }) => table !== 'assets')
    return records.length > 0 ? this.#dice.pick(records) : null
  }

  async #put(server: ServerProcess): Promise<void> {
    const record = this.#record()
    if (!record) return
    const data = this.#dice.chance(0.25) ? null : stateOf(this.#dice, record.data)
    await this.#write(server, {
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

  async #move(server: ServerProcess): Promise<void> {
    const record = this.#record()
    if (!record?.data) return
    await this.#write(server, {
      change: {
        ...{ op_id: this.#newId(), table: record.table, record_id: record.id, data: record.data },
        ...{ from_scope: record.scope, scope: record.scope === scopes[0] ? scopes[1] : scopes[0] },
        ...{ operation: 'UPDATE', base_version: record.version },
      },
    })
  }

  async #resolve(server: ServerProcess): Promise<void> {
    const open = this.#world.database.tables.all('conflicts').filter(({ state }) => state === 'open')
    if (open.length === 0) return
    const conflict = this.#dice.pick(open)
    const { scope, table, record_id } = conflict
    const record = this.#world.database.tables
      .all('records')
      .find((row) => row.scope === scope && row.table === table && row.id === record_id)
    const choice = this.#dice.pick(['client', 'server', 'merged'] as const)
    const chosen: Record<typeof choice, () => JsonObject | null> = {
      client: () => conflict.client_data,
      server: () => record?.data ?? null,
      merged: () => stateOf(this.#dice, record?.data ?? null),
    }
    const data = chosen[choice]()
    this.#world.count(`resolved by ${choice}`)
    await this.#write(server, {
      mode: 'exact',
      change: {
        ...{ op_id: this.#newId(), table, record_id, scope, data },
        ...{ operation: data === null ? 'DELETE' : 'UPDATE', base_version: record?.version ?? 0 },
      },
      resolves: {
        ...{ conflictId: conflict.id, conflictVersion: conflict.version, choice },
        ...{ reason: 'seen', resolvedBy: 'admin' },
      },
    })
  }

  async #letter(server: ServerProcess): Promise<void> {
    const letters = this.#world.database.tables.all('letters').filter(({ state }) => state !== 'replayed')
    if (letters.length === 0) return
    const letter = this.#dice.pick(letters)
    const [from, to] =
      letter.state === 'discarded' ? (['discarded', 'open'] as const) : (['open', 'discarded'] as const)
    if (from === 'discarded' || this.#dice.chance(0.3)) {
      this.#world.count(`letter ${to}`)
      return this.#admin(server, async (tx) => {
        await tx.lock('letters', letter.id)
        const known = tx.get('letters', letter.id)
        if (known?.state !== from) throw new AppError('conflict', 'Somebody settled it first.')
        await tx.put('letters', letter.id, { ...known, state: to, version: known.version + 1 })
      })
    }
    const change = JSON.parse(letter.change) as RecordWrite['change'] & { seq?: number; checksum?: string }
    const isEdited = this.#dice.chance(0.5) && change.data != null
    const table = change.table === 'nowhere' ? 'notes' : change.table
    const { seq: _seq, checksum: _checksum, ...rest } = change
    const sent = {
      ...rest,
      op_id: this.#newId(),
      ...(isEdited ? { table, data: stateOf(this.#dice, null) } : {}),
    }
    this.#world.count(isEdited ? 'letter edited' : 'letter replayed')
    await this.#write(server, {
      by: letter.device_id ? { kind: 'device', id: letter.device_id } : { kind: 'person', id: 'admin' },
      deviceId: letter.device_id,
      change: sent,
      schemaVersion: isEdited ? undefined : letter.schema_version,
      replays: {
        ...{
          deadLetterId: letter.id,
          deadLetterVersion: letter.version,
          schemaVersion: letter.schema_version,
        },
        ...{ edited: isEdited ? JSON.stringify(sent) : null, actor: 'admin' },
      },
    })
  }

  /** A policy gets another version, and sometimes another tiebreak. */
  #policy(server: ServerProcess): Promise<void> {
    const { name } = this.#dice.pick(policies())
    return this.#admin(server, async (tx) => {
      await tx.lock('policies', name)
      const known = tx.get('policies', name)!
      const policy = known.policy as ReturnType<typeof policies>[number]
      const tiebreak =
        name === 'notes' ? this.#dice.pick(['manual', 'client', 'server'] as const) : policy.tiebreak
      await tx.put('policies', name, { name, version: known.version + 1, policy: { ...policy, tiebreak } })
    })
  }

  #change(server: ServerProcess, to: (row: DeviceRow) => DeviceRow): Promise<void> {
    const devices = this.#world.database.tables.all('devices')
    if (devices.length === 0) return Promise.resolve()
    const { id } = this.#dice.pick(devices)
    return this.#admin(server, async (tx) => {
      await tx.lock('devices', id)
      const row = tx.get('devices', id)
      if (row) await tx.put('devices', id, to(row))
    })
  }

  #admin(server: ServerProcess, work: (tx: Transaction) => Promise<void>): Promise<void> {
    return this.#world.database.transaction(server.host, async (tx) => {
      await server.host.step({ name: 'admin', commits: false })
      await work(tx)
    })
  }
}
