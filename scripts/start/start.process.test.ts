import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { findFreePort, isPortFree } from '../postgres/port.ts'
import { startInstance, type Instance } from './testing/instance.ts'

let dataDir = ''
let port = 0
let env: Record<string, string> = {}
const instances: Instance[] = []

beforeAll(async () => {
  // Private, as `mktemp -d` makes them: root's PostgreSQL user could not enter by itself.
  dataDir = join(await mkdtemp(join(tmpdir(), 'holdfast-start-')), 'data')
  port = await findFreePort()
  env = {
    PORT: String(port),
    HOLDFAST_DATA_DIR: dataDir,
    HOLDFAST_DEMO: 'off',
    HOLDFAST_API_KEY: 'hf_api_of_the_start_test',
    HOLDFAST_ENROLLMENT_KEY: 'hf_enr_of_the_start_test',
  }
})
afterEach(async () => {
  for (const instance of instances.splice(0)) {
    instance.signal('SIGTERM', 'process')
    await instance.exited
  }
})
afterAll(() => rm(join(dataDir, '..'), { recursive: true, force: true }))

function start(more: Record<string, string> = {}): Instance {
  const instance = startInstance({ ...env, ...more })
  instances.push(instance)
  return instance
}

test('a first start says where to go and how to sign in; its secrets are its own', async () => {
  const instance = start()
  await instance.ready()
  expect(instance.output()).toContain(`http://127.0.0.1:${port}`)
  expect(instance.output()).toMatch(/Password +[\w-]{16,}/)
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200)
  expect((await stat(join(dataDir, 'secrets.json'))).mode & 0o777).toBe(0o600)
})

test('a second instance on the same data is refused by name, and harms nothing', async () => {
  const first = start()
  await first.ready()
  const second = start({ PORT: String(await findFreePort()) })
  expect(await second.exited).toBe(1)
  expect(second.output()).toContain(`Another Holdfast is running on ${dataDir}`)
  expect(second.output()).toContain(`http://127.0.0.1:${port}`)
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200)
})

test('Ctrl-C stops everything in order and ends with 0', async () => {
  const instance = start()
  await instance.ready()
  const postgres = await postgresPid()
  instance.signal('SIGINT', 'group')
  expect(await instance.exited).toBe(0)
  expect(isAlive(postgres)).toBe(false)
  expect(await isPortFree(port)).toBe(true)
  expect(await readFile(join(dataDir, 'logs/postgres.log'), 'utf8')).toMatch(
    /database system is shut down\s*$/,
  )
})

test.each(['process', 'group'] as const)(
  'after kill -9 of its %s it starts again on the same data, and nothing of the old one is left',
  async (whom) => {
    const first = start()
    await first.ready()
    const postgres = await postgresPid()
    await query(`CREATE TABLE IF NOT EXISTS kept (word text)`)
    await query(`INSERT INTO kept VALUES ('${whom}')`)
    first.signal('SIGKILL', whom)
    await first.exited

    const second = start()
    await second.ready()
    expect(second.output()).not.toMatch(/Password +[\w-]{16,}/)
    expect(await postgresPid()).not.toBe(postgres)
    expect(isAlive(postgres)).toBe(false)
    expect(await query('SELECT word FROM kept')).toContainEqual({ word: whom })
  },
)

test('a kill -9 of PostgreSQL is survived: the server says 503 meanwhile, and is ready again', async () => {
  const instance = start()
  await instance.ready()
  process.kill(await postgresPid(), 'SIGKILL')
  await eventually(async () => expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(503))
  expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200)
  await eventually(async () => expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200))
})

test('a pid file that names a stranger does not keep PostgreSQL from starting', async () => {
  // After a crash and a reboot the number may belong to anybody: here, to this test.
  const pidFile = join(dataDir, 'postgres/postmaster.pid')
  await writeFile(
    pidFile,
    `${process.pid}\n${join(dataDir, 'postgres')}\n0\n5432\n\n\n  0         0\nready\n`,
  )
  const instance = start()
  await instance.ready()
  expect(isAlive(process.pid)).toBe(true)
})

test('a port in use is named', async () => {
  const first = start()
  await first.ready()
  const second = start({ HOLDFAST_DATA_DIR: `${dataDir}-other` })
  expect(await second.exited).toBe(1)
  expect(second.output()).toContain(`Port ${port} on 127.0.0.1 is in use`)
})

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

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
