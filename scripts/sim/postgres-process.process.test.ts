import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PostgresProcess } from './postgres-process.ts'
import { withClient } from './stack.ts'

let folder: string
let postgres: PostgresProcess
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-sim-'))
  postgres = await PostgresProcess.start(folder)
})
afterAll(async () => {
  await postgres.stop()
  await rm(folder, { recursive: true, force: true })
})

const run = <Row extends object>(text: string) =>
  withClient(postgres.url('postgres'), async (client) => (await client.query<Row>(text)).rows)

test('a full disk is told by the kernel, and PostgreSQL goes on once there is room again', async (context) => {
  const { disk } = postgres
  if (!disk) return context.skip('this machine lets an ordinary user mount nothing')
  await run(`CREATE TABLESPACE small_disk LOCATION '${disk.folder}'`)
  await run(`CREATE TABLE held (n int, filler text) TABLESPACE small_disk`)
  const fill = `INSERT INTO held SELECT n, repeat('x', 1000) FROM generate_series(1, 2000) n`
  await run(fill)
  await disk.fill()
  await expect(run(fill)).rejects.toMatchObject({ code: '53100' })
  await disk.free()
  await run(fill)
  expect(await run('SELECT count(*)::int AS n FROM held')).toEqual([{ n: 4_000 }])
})

test('a copy of the data that is put back has what was there when it was taken, on the small disk too', async () => {
  const where = postgres.disk ? 'TABLESPACE small_disk' : ''
  await run(`CREATE TABLE kept (n int) ${where}`)
  await run('INSERT INTO kept VALUES (1)')
  await postgres.end('immediate')
  await postgres.copy.take()
  await postgres.again()
  await run('INSERT INTO kept VALUES (2)')
  await postgres.end('kill')
  await postgres.copy.putBack()
  await postgres.again()
  expect(await run('SELECT n FROM kept')).toEqual([{ n: 1 }])
})
