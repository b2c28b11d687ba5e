import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isAlive } from '../postgres/alive.ts'
import { findFreePort, isPortFree } from '../postgres/port.ts'
import { startInstance, type Instance } from './testing/instance.ts'

let dataDir = ''
let port = 0
let env: Record<string, string> = {}
let current: Instance | null = null

beforeAll(async () => {
  // Private, as `mktemp -d` makes them: root's PostgreSQL user could not enter by itself.
  dataDir = join(await mkdtemp(join(tmpdir(), 'holdfast-start-')), 'data')
  port = await findFreePort()
  env = { PORT: String(port), HOLDFAST_DATA_DIR: dataDir, HOLDFAST_DEMO: 'off' }
})
afterAll(async () => {
  current?.signal('SIGTERM', 'process')
  await current?.exited
  await rm(join(dataDir, '..'), { recursive: true, force: true })
})

/** A start takes seconds: what runs already is used, and a test that ends it leaves none. */
async function running(): Promise<Instance> {
  if (current) return current
  current = startInstance(env)
  await current.ready()
  return current
}

async function endWith(signal: NodeJS.Signals, whom: 'process' | 'group'): Promise<number | null> {
  const instance = await running()
  current = null
  instance.signal(signal, whom)
  return instance.exited
}

test('a first start says where to go and how to sign in; its secrets are its own', async () => {
  const instance = await running()
  expect(instance.output()).toContain(`http://127.0.0.1:${port}`)
  expect(instance.output()).toMatch(/Password +[\w-]{16,}/)
  expect(await statusOf('/readyz')).toBe(200)
  expect((await stat(join(dataDir, 'secrets.json'))).mode & 0o777).toBe(0o600)
})

test('a second instance on the same data is refused by name, and harms nothing', async () => {
  await running()
  const second = startInstance({ ...env, PORT: String(await findFreePort()) })
  expect(await second.exited).toBe(1)
  expect(second.output()).toContain(`Another Holdfast is running on ${dataDir}`)
  expect(second.output()).toContain(`http://127.0.0.1:${port}`)
  expect(await statusOf('/readyz')).toBe(200)
})

test('a port in use is named', async () => {
  await running()
  const second = startInstance({ ...env, HOLDFAST_DATA_DIR: `${dataDir}-other` })
  expect(await second.exited).toBe(1)
  expect(second.output()).toContain(`Port ${port} on 127.0.0.1 is in use`)
})

test('a kill -9 of PostgreSQL is survived: the server says 503 meanwhile, and is ready again', async () => {
  await running()
  process.kill(await postgresPid(), 'SIGKILL')
  await eventually(async () => expect(await statusOf('/readyz')).toBe(503))
  expect(await statusOf('/livez')).toBe(200)
  await eventually(async () => expect(await statusOf('/readyz')).toBe(200))
})

test.each(['process', 'group'] as const)(
  'after kill -9 of its %s it starts again on the same data, and nothing of the old one is left',
  async (whom) => {
    await running()
    const postgres = await postgresPid()
    await query(`CREATE TABLE IF NOT EXISTS kept (word text)`)
    await query(`INSERT INTO kept VALUES ('${whom}')`)
    await endWith('SIGKILL', whom)

    const second = await running()
    expect(second.output()).not.toMatch(/Password +[\w-]{16,}/)
    expect(await postgresPid()).not.toBe(postgres)
    expect(isAlive(postgres)).toBe(false)
    expect(await query('SELECT word FROM kept')).toContainEqual({ word: whom })
  },
)

test('Ctrl-C stops everything in order and ends with 0', async () => {
  await running()
  const postgres = await postgresPid()
  expect(await endWith('SIGINT', 'group')).toBe(0)
  expect(isAlive(postgres)).toBe(false)
  expect(await isPortFree(port)).toBe(true)
  expect(await readFile(join(dataDir, 'logs/postgres.log'), 'utf8')).toMatch(
    /database system is shut down\s*$/,
  )
})

test('a pid file that names a stranger does not keep PostgreSQL from starting', async () => {
  // After a crash and a reboot the number may belong to anybody: here, to this test.
  const pidFile = join(dataDir, 'postgres/postmaster.pid')
  await writeFile(
    pidFile,
    `${process.pid}\n${join(dataDir, 'postgres')}\n0\n5432\n\n\n  0         0\nready\n`,
  )
  await running()
  expect(await statusOf('/readyz')).toBe(200)
})

async function statusOf(path: string): Promise<number> {
  return (await fetch(`http://127.0.0.1:${port}${path}`)).status
}

async function postgresPid(): Promise<number> {
  return Number.parseInt(await readFile(join(dataDir, 'postgres/postmaster.pid'), 'utf8'), 10)
}

async function query(statement: string): Promise<unknown[]> {
  const { postgresPassword: password, postgresPort } = JSON.parse(
    await readFile(join(dataDir, 'secrets.json'), 'utf8'),
  ) as { postgresPassword: string; postgresPort: number }
  const address = { host: '127.0.0.1', port: postgresPort, user: 'holdfast', password, database: 'holdfast' }
  const client = new pg.Client(address)
  await client.connect()
  try {
    return (await client.query(statement)).rows
  } finally {
    await client.end()
  }
}

async function eventually(check: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + 30_000
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (Date.now() > deadline) throw error
      await sleep(50)
    }
  }
}
