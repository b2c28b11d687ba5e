import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { ModelDatabase } from '#lib/sim/model/model-database.ts'
import { keyOf, numbered, recordKey, type Rows, type TableName } from '#lib/sim/model/tables.ts'
import type { Transaction } from '#lib/sim/model/transaction.ts'
import {
  allRecords,
  allResults,
  changesOfBatches,
  holesSeen,
  newCommits,
  recentResults,
  recordsById,
  whole,
  type WholeTable,
} from './mirror-rows.ts'

const keys = {
  heads: (row: Rows['heads']) => row.scope,
  streams: (row: Rows['streams']) => keyOf(row.device, row.incarnation),
  devices: (row: Rows['devices']) => row.id,
  conflicts: (row: Rows['conflicts']) => row.id,
  letters: (row: Rows['letters']) => row.id,
  attempts: (row: Rows['attempts'] & { id: string }) => row.id,
  sagas: (row: Rows['sagas']) => row.id,
  steps: (row: Rows['steps']) => keyOf(row.saga_id, numbered(row.step)),
  policies: (row: Rows['policies']) => row.name,
  records: (row: Rows['records']) => recordKey(row.scope, row.table, row.id),
  results: (row: Rows['results']) => row.op_id,
  commits: (row: Rows['commits']) => keyOf(row.scope, numbered(row.seq)),
  changes: (row: Rows['changes']) => keyOf(row.scope, row.batch, numbered(row.ordinal)),
  holes: (row: Rows['holes']) => keyOf(row.device, row.incarnation, row.seq),
} satisfies { [T in TableName]?: (row: never) => string }

/**
 * What a real database holds, looked up by SQL and written into a model's tables, so that the oracle of the simulation
 * reads one as the other. Each look is one snapshot; what is new in it arrives as one transaction of the model.
 */
export class Mirror {
  readonly #database: ModelDatabase
  readonly #url: string
  #client: pg.Client | null = null
  #running: Promise<void> | null = null
  #next: Promise<void> | null = null
  #turn: Promise<unknown> = Promise.resolve()
  #isClosed = false
  looks = 0

  constructor(url: string, database: ModelDatabase) {
    this.#url = url
    this.#database = database
  }

  /** @returns once everything that is committed at this moment has arrived; waits for a database that is away */
  catchUp(): Promise<void> {
    // A look that has begun may have begun too early.
    if (this.#running) return (this.#next ??= this.#running.then(() => this.#look()))
    return this.#look()
  }

  /**
   * Reads everything anew. @returns what had been committed and is there no more, or is another now
   */
  async missing(): Promise<string | null> {
    await this.catchUp()
    const { rows: all } = this.#database.tables
    const known = {
      ...{ commits: new Map(all.commits), changes: new Map(all.changes), results: new Map(all.results) },
      ...{ records: new Map(all.records), conflicts: new Map(all.conflicts) },
      ...{ letters: new Map(all.letters), attempts: new Map(all.attempts) },
      ...{ sagas: new Map(all.sagas), steps: new Map(all.steps) },
    }
    return this.#insist(async (client) => {
      const commits = await rows<Rows['commits']>(client, newCommits, ['{}'])
      const batches = [...new Set(commits.map(({ batch }) => batch))]
      const found = {
        commits,
        changes: await rows<Rows['changes']>(client, changesOfBatches, [batches]),
        results: await rows<Rows['results']>(client, allResults),
      }
      for (const name of ['commits', 'changes', 'results'] as const) {
        const there = new Map(found[name].map((row) => [keys[name](row as never), JSON.stringify(row)]))
        for (const [key, row] of known[name]) {
          const now = there.get(key)
          if (now !== JSON.stringify(row)) return `${name} ${label(key)}: ${JSON.stringify(row)}, now ${now}`
        }
      }
      const records = await rows<Rows['records']>(client, allRecords)
      const versions = new Map(records.map((row) => [keys.records(row), row.version]))
      for (const [key, { version }] of known.records) {
        if ((versions.get(key) ?? 0) < version)
          return `record ${label(key)} went back from version ${version}`
      }
      for (const name of ['conflicts', 'letters', 'attempts', 'sagas', 'steps'] as const) {
        const there = new Set((await rows(client, whole[name])).map((row) => keys[name](row as never)))
        const lost = [...known[name].keys()].find((key) => !there.has(key))
        if (lost) return `${name} ${label(lost)}`
      }
      return null
    })
  }

  /**
   * Lets somebody put another state in the place of the database's. Nobody looks before that is read, whole, and nothing
   * of it counts as committed now.
   * @param arrived called once that is what the model's tables hold
   */
  replaced(replace: () => Promise<void>, arrived: () => void): Promise<void> {
    const turn = this.#turn.then(() => this.#replace(replace, arrived))
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#turn
    this.#leave()
  }

  async #replace(replace: () => Promise<void>, arrived: () => void): Promise<void> {
    this.#leave()
    await replace()
    const fresh = new ModelDatabase(this.#database.epoch)
    await this.#snapshot((client) => this.#read(client, fresh, allResults))
    this.#database.tables = fresh.tables
    arrived()
  }

  #look(): Promise<void> {
    this.#next = null
    this.#running = this.#insist((client) => this.#read(client, this.#database, recentResults)).finally(
      () => (this.#running = null),
    )
    return this.#running
  }

  /** One at a time. */
  #insist<T>(read: (client: pg.Client) => Promise<T>): Promise<T> {
    const turn = this.#turn.then(() => this.#snapshot(read))
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /** One snapshot; again and again while the database is away. */
  async #snapshot<T>(read: (client: pg.Client) => Promise<T>): Promise<T> {
    for (;;) {
      if (this.#isClosed) throw new Error('the simulation is over')
      try {
        const client = await this.#connected()
        await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
        const result = await read(client)
        // What was read was read, whatever becomes of the connection now.
        await client.query('COMMIT').catch(() => this.#leave())
        return result
      } catch (error) {
        if (!isAway(error)) throw error
        this.#leave()
        await sleep(50)
      }
    }
  }

  /** Without waiting: a connection that broke may never say that it has ended. */
  #leave(): void {
    this.#client?.end().catch(() => undefined)
    this.#client = null
  }

  async #connected(): Promise<pg.Client> {
    if (this.#client) return this.#client
    const client = new pg.Client({
      ...{ connectionString: this.#url, connectionTimeoutMillis: 5_000, query_timeout: 30_000 },
    })
    client.on('error', () => {
      if (this.#client === client) this.#client = null
    })
    await client.connect()
    this.#client = client
    return client
  }

  async #read(client: pg.Client, into: ModelDatabase, resultsNow: string): Promise<void> {
    const { tables } = into
    const heads = Object.fromEntries([...tables.feeds].map(([scope, feed]) => [scope, feed.length]))
    const commits = await rows<Rows['commits']>(client, newCommits, [JSON.stringify(heads)])
    const batches = [...new Set(commits.map(({ batch }) => batch))]
    const changes = batches.length > 0 ? await rows<Rows['changes']>(client, changesOfBatches, [batches]) : []
    const ids = [...new Set(changes.map(({ record_id }) => record_id))]
    const records = ids.length > 0 ? await rows<Rows['records']>(client, recordsById, [ids]) : []
    const results = await rows<Rows['results']>(client, resultsNow)
    const holes = await rows<Rows['holes']>(client, holesSeen)
    const small = new Map<WholeTable, Rows[WholeTable][]>()
    for (const name of Object.keys(whole) as WholeTable[]) small.set(name, await rows(client, whole[name]))

    const tx = into.begin()
    const known = new Set(batches)
    for (const row of commits) await tx.put('commits', keys.commits(row), row)
    for (const row of changes) if (known.has(row.batch)) await tx.put('changes', keys.changes(row), row)
    for (const row of results) {
      if (tables.get('results', row.op_id)) continue
      await tx.put('results', keys.results(row), row)
      await tx.put('places', keyOf(row.device_id, row.incarnation, row.seq), { op_id: row.op_id })
    }
    await changed(tx, 'records', records)
    await changed(tx, 'holes', holes)
    for (const [name, found] of small) await changed(tx, name, found)
    this.looks++
    tx.commit()
  }
}

async function changed<T extends keyof typeof keys>(
  tx: Transaction,
  name: T,
  found: Rows[T][],
): Promise<void> {
  const key: (row: never) => string = keys[name]
  for (const row of found) {
    const known = tx.get(name, key(row as never))
    if (JSON.stringify(known) !== JSON.stringify(row)) await tx.put(name, key(row as never), row)
  }
}

async function rows<Row>(client: pg.Client, text: string, values: unknown[] = []): Promise<Row[]> {
  return (await client.query({ text, values })).rows as Row[]
}

/** Whether the database went, is about to, or has no room: anything that is said by the connection and not by a statement. */
function isAway(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return true
  return /^(57P|08|53|25P02)/.test(error.code ?? '')
}

const label = (key: string): string => key.split('\u0001').join('/')
