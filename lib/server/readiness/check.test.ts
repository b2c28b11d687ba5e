import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { GET as live } from '../../../app/livez/route.ts'
import { GET as ready } from '../../../app/readyz/route.ts'

const probe = () => new Request('http://holdfast.test/readyz')
const holder = globalThis as { holdfastDatabase?: unknown }
afterEach(() => {
  delete holder.holdfastDatabase
})

test('without a database the process is not ready, says so as a problem, and lives', async () => {
  process.env['DATABASE_URL'] = 'postgresql://nobody@127.0.0.1:1/none'
  const response = await ready(probe())
  expect(response.status).toBe(503)
  expect(response.headers.get('retry-after')).toMatch(/^\d+$/)
  expect(await response.json()).toMatchObject({ code: 'unavailable', retryable: true })
  expect((await live(probe())).status).toBe(200)
})

test('a database that takes the connection and says nothing is not waited for', async () => {
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  process.env['DATABASE_URL'] = `postgresql://nobody@127.0.0.1:${(silent.address() as AddressInfo).port}/none`
  const started = performance.now()
  expect((await ready(probe())).status).toBe(503)
  expect(performance.now() - started).toBeLessThan(3_000)
  silent.close()
})
