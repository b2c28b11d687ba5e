import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDatabase } from '#lib/server/db.ts'
import { seededRandom, workload } from '#lib/server/verification/testing/workload.ts'
import { ensureDatabase } from '../postgres/database.ts'
import { applyMigrations } from '../prisma/migrations.ts'
import { takeDataDir } from '../start/data-dir.ts'
import { startEmbedded, type EmbeddedPostgres } from '../start/embedded.ts'
import { ensureSecrets } from '../start/secrets.ts'

// The commands on a data directory: beside the server that works on it, and without one.

const root = resolve(import.meta.dirname, '../..')
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
let dataDir: string
let postgres: EmbeddedPostgres
/** The server's end; null once it has ended. */
let end: (() => Promise<void>) | null = null

beforeAll(async () => {
  console.log(`command-line.process.test: SEED=${seed}`)
  dataDir = await mkdtemp(join(tmpdir(), 'holdfast-data-'))
  const secrets = await ensureSecrets(dataDir)
  const release = await takeDataDir(dataDir, { url: 'a test' })
  postgres = await startEmbedded(dataDir, secrets)
  end = async () => {
    end = null
    await postgres.stop()
    release()
  }
  await ensureDatabase(postgres.url)
  await applyMigrations(postgres.url)
  const db = createDatabase(postgres.url)
  await workload(db, seededRandom(seed))
  await db.$disconnect()
}, 60_000)
afterAll(async () => {
  await end?.()
  await rm(dataDir, { recursive: true, force: true })
})

function command(script: string, ...args: string[]): Promise<{ code: number; out: string }> {
  const env = { ...process.env, DATABASE_URL: '', HOLDFAST_TOKEN_SECRET: '', HOLDFAST_DATA_DIR: dataDir }
  return new Promise((done) => {
    execFile(process.execPath, [`scripts/${script}.ts`, ...args], { cwd: root, env }, (error, out, err) =>
      done({ code: error ? Number(error.code) : 0, out: out + err }),
    )
  })
}

async function tamper(): Promise<string> {
  const client = new pg.Client({ connectionString: postgres.url })
  await client.connect()
  const { rows } = await client.query<{ id: string }>(
    `UPDATE record SET data = '{"n": -1}' WHERE ctid = (SELECT min(ctid) FROM record WHERE NOT deleted) RETURNING id`,
  )
  await client.end()
  return rows[0]!.id
}

test('verify:data finds what was changed beside a running server, rebuild mends it, and then without one', async () => {
  expect(await command('verify-data')).toMatchObject({
    code: 0,
    out: expect.stringContaining('All is as it was'),
  })
  const id = await tamper()
  const found = await command('verify-data')
  expect(found).toMatchObject({ code: 1, out: expect.stringContaining(`record=${id}`) })
  const lines = (await command('verify-data', '--json')).out.trim().split('\n')
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
    { check: 'records', record_id: id, detail: 'not what the log says: data' },
    { ok: false, findings: 1, scopes: 2 },
  ])
  expect(await command('rebuild', '--dry-run')).toMatchObject({ code: 1, out: expect.stringContaining(id) })
  expect((await command('verify-data')).code).toBe(1)
  expect(await command('rebuild')).toMatchObject({ code: 0, out: expect.stringContaining('1 replaced') })
  expect((await command('verify-data')).code).toBe(0)

  await end?.()
  expect(await command('verify-data')).toMatchObject({
    code: 0,
    out: expect.stringContaining('All is as it was'),
  })
}, 120_000)

test('what is not there is said, and is no finding', async () => {
  const env = { ...process.env, DATABASE_URL: '', HOLDFAST_DATA_DIR: join(dataDir, 'nowhere') }
  const code = await new Promise<number>((done) => {
    execFile(process.execPath, ['scripts/verify-data.ts'], { cwd: root, env }, (error) =>
      done(Number(error?.code ?? 0)),
    )
  })
  expect(code).toBe(2)
})
