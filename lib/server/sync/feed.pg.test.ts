import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ServerChange } from '#lib/protocol/sync.ts'
import { testDatabase, type TestDatabase } from '../testing/database.ts'
import { putPolicy, RawDevice } from '../testing/raw-device.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
  await putPolicy(database.db, { name: 'things', strategy: 'lww' })
})
afterAll(() => database.close())

const device = (scopes?: string[]) => RawDevice.enrol(database.db, scopes)

/** Reads the feed to its end, page by page. */
async function drain(reader: RawDevice, limit = 500): Promise<ServerChange[]> {
  const changes: ServerChange[] = []
  for (;;) {
    const reply = await reader.sync([], { pull: { limit } })
    changes.push(...reply.server_changes)
    if (!reply.has_more) return changes
  }
}

describe('12 writers in one scope, readers polling', () => {
  const writers = 12
  const batchesEach = 15

  test('no reader misses a change, and no record goes back in version', async () => {
    const scope = randomUUID()
    const contested = Array.from({ length: 5 }, () => randomUUID())
    const written = new Set<string>()
    let writing = true

    const write = async () => {
      const writer = await device([scope])
      for (let batch = 0; batch < batchesEach; batch++) {
        const changes = [
          writer.change({ scope }),
          writer.change({
            scope,
            record_id: contested[batch % contested.length]!,
            data: { at: randomUUID() },
          }),
        ]
        const reply = await writer.send(changes)
        for (const { outcome, record_id, version } of reply.accepted) {
          if (outcome === 'applied') written.add(`${record_id}@${version}`)
        }
      }
    }
    const read = async () => {
      const reader = await device([scope])
      const changes: ServerChange[] = []
      while (writing) {
        changes.push(...(await reader.sync([], { pull: { limit: 7 } })).server_changes)
        await sleep(1)
      }
      changes.push(...(await drain(reader, 7)))
      return changes
    }
    const readers = [read(), read(), read()]
    await Promise.all(Array.from({ length: writers }, write))
    writing = false

    for (const changes of await Promise.all(readers)) {
      const seen = changes.map(({ record_id, version }) => `${record_id}@${version}`)
      expect(new Set(seen)).toEqual(written)
      expect(seen).toHaveLength(written.size)
      const seqs = changes.map(({ seq }) => seq)
      expect(seqs).toEqual(seqs.toSorted((a, b) => a - b))
      const latest = new Map<string, number>()
      for (const { record_id, version } of changes) {
        expect(version).toBeGreaterThan(latest.get(record_id) ?? 0)
        latest.set(record_id, version)
      }
    }
  })

  test('a bigserial cursor fails the same test: what the feed is for', async () => {
    const connect = async () => {
      const client = new Client({ connectionString: database.url })
      await client.connect()
      return client
    }
    const setup = await connect()
    await setup.query('CREATE TABLE naive_feed (id bigserial PRIMARY KEY, name text NOT NULL)')
    const written = new Set<string>()
    const seen = new Set<string>()
    let writing = true
    const write = async (_: unknown, writer: number) => {
      const client = await connect()
      for (let batch = 0; batch < batchesEach; batch++) {
        const name = randomUUID()
        await client.query('BEGIN')
        await client.query('INSERT INTO naive_feed (name) VALUES ($1)', [name])
        // A transaction takes as long as it takes: others commit meanwhile.
        await sleep((5 * batch + writer) % 7)
        await client.query('COMMIT')
        written.add(name)
      }
      await client.end()
    }
    const read = async () => {
      const client = await connect()
      for (let cursor = 0, last = false; !last;) {
        last = !writing
        const { rows } = await client.query<{ id: string; name: string }>(
          'SELECT id, name FROM naive_feed WHERE id > $1 ORDER BY id',
          [cursor],
        )
        for (const { id, name } of rows) {
          seen.add(name)
          cursor = Number(id)
        }
        await sleep(1)
      }
      await client.end()
    }
    const reader = read()
    await Promise.all(Array.from({ length: writers }, write))
    writing = false
    await reader
    await setup.end()
    expect(written.difference(seen).size).toBeGreaterThan(0)
  })
})

describe('pages', () => {
  test('a page is cut between batches, never within one, also where a batch spans scopes', async () => {
    const [north, south] = [randomUUID(), randomUUID()]
    const writer = await device([north, south])
    const batches = new Map<string, number>()
    for (let batch = 0; batch < 12; batch++) {
      const changes = Array.from({ length: 1 + (batch % 4) }, (_, i) =>
        writer.change({ scope: (i + batch) % 2 ? north : south }),
      )
      for (const { record_id } of changes) batches.set(record_id, batch)
      await writer.send(changes)
    }
    for (const limit of [1, 2, 3, 5, 100]) {
      const reader = await device([north, south])
      const whole: number[][] = []
      for (let more = true; more;) {
        const reply = await reader.sync([], { pull: { limit } })
        whole.push(reply.server_changes.map(({ record_id }) => batches.get(record_id)!))
        more = reply.has_more
        // Over the limit only where one batch alone is.
        const batchesInPage = new Set(whole.at(-1)).size
        expect(batchesInPage <= 1 || reply.server_changes.length <= limit).toBe(true)
      }
      const pagesOfBatch = Map.groupBy(
        whole.flatMap((page, number) => page.map((batch) => ({ batch, number }))),
        ({ batch }) => batch,
      )
      for (const places of pagesOfBatch.values())
        expect(new Set(places.map(({ number }) => number)).size).toBe(1)
      expect(whole.flat()).toHaveLength(batches.size)
      expect(whole.flat()).toEqual(whole.flat().toSorted((a, b) => a - b))
    }
  })

  test('a request may leave out what it applied itself, and its token covers that', async () => {
    const a = await device([randomUUID()])
    const scope = a.scopes[0]!
    const reply = await a.sync([a.change({ scope })])
    expect(reply.server_changes).toEqual([])
    expect((await a.sync()).server_changes).toEqual([])
  })

  test('a reply that was lost is made up for: the same operations again bring what they did as server changes', async () => {
    const a = await device([randomUUID()])
    const change = a.change({ scope: a.scopes[0]! })
    await a.send([change])
    const again = await a.sync([change])
    expect(again.accepted).toHaveLength(1)
    expect(again.server_changes.map(({ record_id }) => record_id)).toEqual([change.record_id])
  })
})

describe('scopes', () => {
  test('a device that got one scope for another does not stand in the one it left, whatever it pushes', async () => {
    const [lost, gained] = [randomUUID(), randomUUID()]
    const writer = await device([lost])
    await writer.send([writer.change({ scope: lost }), writer.change({ scope: lost })])
    const reader = await device([lost])
    expect(await drain(reader)).toHaveLength(2)
    reader.scopes = [gained]
    const reply = await reader.sync([reader.change({ scope: lost })])
    expect(reply.rejected).toMatchObject([{ code: 'scope_forbidden' }])
    expect(reply.server_changes.map(({ operation }) => operation)).toEqual(['LEAVE', 'LEAVE'])
    reader.scopes = [lost]
    expect(await drain(reader)).toHaveLength(2)
  })

  test('an answer that comes again about a scope that was lost since leaves nothing of it on the device', async () => {
    const [kept, lost] = [randomUUID(), randomUUID()]
    const writer = await device([kept, lost])
    const changes = [writer.change({ scope: lost }), writer.change({ scope: kept })]
    await writer.send(changes)
    // That reply was lost, and with it the token that would have named the scope.
    writer.scopes = [kept]
    const reply = await writer.sync(changes)
    expect(reply.accepted).toMatchObject([{ outcome: 'applied' }, { outcome: 'applied' }])
    const gone = reply.server_changes.filter(({ operation }) => operation === 'LEAVE')
    expect(gone).toMatchObject([{ scope: lost, record_id: changes[0]!.record_id, version: 1, data: null }])
    expect((await writer.sync([])).server_changes).toEqual([])
  })

  test('a scope that is lost leaves the device record by record; one that is gained is read from its start', async () => {
    const [kept, lost, gained] = [randomUUID(), randomUUID(), randomUUID()]
    const writer = await device([kept, lost, gained])
    const changes = [kept, lost, lost, lost, gained].map((scope) => writer.change({ scope }))
    await writer.send(changes)
    const reader = await device([kept, lost])
    expect(await drain(reader)).toHaveLength(4)
    reader.scopes = [kept, gained]
    const after: ServerChange[] = []
    for (let more = true; more;) {
      const reply = await reader.sync([], { pull: { limit: 2 } })
      after.push(...reply.server_changes)
      more = reply.has_more
    }
    expect(after.filter(({ operation }) => operation === 'LEAVE').map(({ scope }) => scope)).toEqual([
      lost,
      lost,
      lost,
    ])
    expect(after.filter(({ operation }) => operation === 'UPSERT').map(({ scope }) => scope)).toEqual([
      gained,
    ])
    expect(await drain(reader)).toEqual([])
  })
})

describe('tokens of another history', () => {
  test('token_ahead: a server that was restored knows less than the device', async () => {
    const scope = randomUUID()
    const a = await device([scope])
    await a.sync([a.change({ scope })])
    await database.db.$executeRaw`UPDATE feed_head SET seq = 0 WHERE scope = ${scope}`
    expect((await a.send([])).resync).toEqual({ reason: 'token_ahead' })
  })

  test('token_expired: what was pushed is taken all the same, and no delta is served', async () => {
    const scope = randomUUID()
    const a = await device([scope])
    await a.sync([a.change({ scope })])
    const old = a.syncToken
    await a.sync([a.change({ scope })])
    await database.db.$executeRaw`UPDATE feed_head SET min_seq = seq WHERE scope = ${scope}`
    a.syncToken = old
    const reply = await a.send([a.change({ scope })])
    expect(reply.accepted).toHaveLength(1)
    expect(reply).toMatchObject({ resync: { reason: 'token_expired' }, server_changes: [] })
  })

  test('history_diverged: the same seq with another chain', async () => {
    const [scope, kept] = [randomUUID(), randomUUID()]
    const a = await device([scope])
    await a.sync([a.change({ scope })])
    const revoked = await device([scope, kept])
    await revoked.sync([revoked.change({ scope })])
    const admin = new Client({ connectionString: database.url })
    await admin.connect()
    await admin.query('ALTER TABLE feed_commit DISABLE TRIGGER append_only')
    await admin.query(`UPDATE feed_commit SET chain = sha256('another') WHERE scope = $1`, [scope])
    await admin.query('ALTER TABLE feed_commit ENABLE TRIGGER append_only')
    await admin.end()
    expect((await a.send([])).resync).toEqual({ reason: 'history_diverged' })
    expect((await (await device([scope])).send([])).resync).toBeNull()
    // What there is to leave in a scope that was revoked, this history does not know.
    revoked.scopes = [kept]
    expect((await revoked.send([])).resync).toEqual({ reason: 'history_diverged' })
  })

  test('epoch_changed: a token that this server did not make', async () => {
    const a = await device()
    for (const token of ['', 'rubbish', 'a.b', `${'x'.repeat(500)}.y`]) {
      a.syncToken = token
      expect((await a.send([])).resync).toEqual({ reason: 'epoch_changed' })
    }
  })
})
