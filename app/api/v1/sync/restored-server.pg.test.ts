import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Device, LocalRecord } from '#lib/client/index.ts'
import { systemActor } from '#lib/server/actor.ts'
import { database } from '#lib/server/db.ts'
import { createEnrollmentKey } from '#lib/server/enrollment-keys/create.ts'
import { serverSecret } from '#lib/server/sync/secret.ts'
import { putPolicy } from '#lib/server/testing/raw-device.ts'
import { lineOf } from '#lib/server/verification/finding.ts'
import { verifyData } from '#lib/server/verification/verify.ts'
import { createCluster, startCluster, type Cluster } from '#scripts/postgres/cluster.ts'
import { createDatabase } from '#scripts/postgres/database.ts'
import { findFreePort } from '#scripts/postgres/port.ts'
import { applyMigrations } from '#scripts/prisma/migrations.ts'
import { enrolledDevice } from './testing/device.ts'

// The device library on the product, over a PostgreSQL whose data directory is copied midway and put back.

const run = promisify(execFile)
const password = 'a password for tests'
let folder: string
let port: number
let cluster: Cluster
let url: string
const dir = () => join(folder, 'postgres')

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-restored-'))
  port = await findFreePort()
  await createCluster(dir(), password, { durable: false })
  await startServer()
  url = cluster.url('holdfast')
  await createDatabase(url)
  await applyMigrations(url)
  process.env['DATABASE_URL'] = url
  await putPolicy(database(), { name: 'own', strategy: 'merge' })
  await putPolicy(database(), { name: 'shared', strategy: 'merge' })
}, 60_000)
afterAll(async () => {
  await database().$disconnect()
  await cluster.stop()
  await rm(folder, { recursive: true, force: true })
})

async function startServer(): Promise<void> {
  cluster = await startCluster({
    ...{ dir: dir(), port, password, logFile: join(folder, 'postgres.log') },
    settings: { fsync: 'off' },
  })
}

async function backUp(): Promise<void> {
  await cluster.stop()
  await run('cp', ['-a', dir(), join(folder, 'backup')])
  await startServer()
}

async function restore(): Promise<void> {
  await cluster.stop()
  await rm(dir(), { recursive: true })
  await run('cp', ['-a', join(folder, 'backup'), dir()])
  await startServer()
}

async function ask<Row extends object>(sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

async function verified(): Promise<string[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const findings = verifyData(async (sql, values) => (await client.query(sql, values)).rows, {
      secret: serverSecret(),
    })
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    return (await Array.fromAsync(findings)).map(lineOf)
  } finally {
    await client.end()
  }
}

/** Until nobody has anything to say. */
async function settle(devices: readonly Device[]): Promise<void> {
  for (let round = 0; round < 6; round++) {
    for (const device of devices) await device.sync()
  }
  for (const device of devices) expect(await device.overview()).toMatchObject({ pending: 0 })
}

async function view(device: Device): Promise<[string, LocalRecord['data'], string][]> {
  const records = [...(await device.list({ table: 'own' })), ...(await device.list({ table: 'shared' }))]
  return records.map(({ id, data, syncStatus }) => [id, data, syncStatus])
}

test('nothing acknowledged is lost when all devices came back, after one restore and after another on top', async () => {
  const { secret: enrollmentKey } = await createEnrollmentKey(systemActor('test'), { name: 'tests' })
  const enrol = (name: string) => enrolledDevice({ enrollmentKey }, { scopes: ['site-1'], name })
  const devices = [await enrol('One'), await enrol('Two'), await enrol('Three')]
  const [one, two, three] = devices as [Device, Device, Device]
  const own = new Map<Device, string>()
  for (const device of devices) own.set(device, (await device.put({ table: 'own', data: { n: 0 } })).id)
  const shared = (await one.put({ table: 'shared', data: { a: 0, b: 0, c: 0 } })).id
  const doomed = (await one.put({ table: 'shared', data: { doomed: true } })).id
  await settle(devices)
  await backUp()

  for (let lives = 1; lives <= 2; lives++) {
    // What happens after the backup, all of it acknowledged.
    for (let n = 1; n <= 3; n++) {
      for (const device of devices) {
        await device.put({ table: 'own', id: own.get(device)!, data: { n: lives * 10 + n, by: device.id } })
        await device.sync()
      }
    }
    for (const [device, field] of [
      [one, 'a'],
      [two, 'b'],
      [three, 'c'],
    ] as const) {
      await device.sync()
      const { data } = (await device.get({ table: 'shared', id: shared }))!
      await device.put({ table: 'shared', id: shared, data: { ...data, [field]: lives } })
      await device.sync()
    }
    const late = (await three.put({ table: 'shared', data: { made: lives } })).id
    await settle(devices)
    await two.put({ table: 'shared', id: late, data: { made: lives, edited: 'by two' } })
    await three.remove({ table: 'shared', id: doomed })
    await settle(devices)
    const before = await view(one)
    const answered = await ask<{ op_id: string }>('SELECT op_id FROM op_result')

    await restore()
    const restored = await ask<{ op_id: string }>('SELECT op_id FROM op_result')
    expect(restored.length).toBeLessThan(answered.length)
    // One edit was never sent; and they come back in another order than they wrote in.
    await one.put({ table: 'own', id: own.get(one)!, data: { n: lives * 10 + 4, by: one.id } })
    await settle([two, one, three])

    const known = new Set(
      (await ask<{ op_id: string }>('SELECT op_id FROM op_result')).map(({ op_id }) => op_id),
    )
    expect(answered.filter(({ op_id }) => !known.has(op_id))).toEqual([])
    expect(await ask('SELECT code, detail, change FROM dead_letter')).toEqual([])
    for (const device of devices) {
      const n = lives * 10 + (device === one ? 4 : 3)
      const id = own.get(device)!
      for (const reader of devices) {
        expect(await reader.get({ table: 'own', id })).toMatchObject({ data: { n, by: device.id } })
      }
    }
    // What several wrote is as it was, or waits for a person with both sides.
    const waiting = await ask<{ record_id: string; client_data: object }>(
      `SELECT record_id, client_data FROM conflict WHERE state = 'open'`,
    )
    const tables = await ask<{ id: string; data: object }>('SELECT id, data FROM record WHERE NOT deleted')
    expect(tables.map(({ id }) => id)).not.toContain(doomed)
    const now = new Map(tables.map(({ id, data }) => [id, data]))
    for (const [id, data] of before) {
      if ([...own.values()].includes(id)) continue
      const sides = waiting.filter(({ record_id }) => record_id === id).map(({ client_data }) => client_data)
      expect([now.get(id), ...sides]).toContainEqual(data)
    }
    expect(await ask(`SELECT target_id FROM audit WHERE action = 'server.restored'`)).toHaveLength(1)
    expect(await verified()).toEqual([])
    for (const device of devices) {
      const held = new Map(
        (await view(device)).map(([id, data, status]) => [id, status === 'conflict' ? null : data]),
      )
      for (const { id, data } of tables) expect(held.get(id) ?? data).toEqual(data)
    }
  }
}, 120_000)
