import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import next from 'next'
import { nodeDoor } from '#lib/server/http/node-door.ts'
import { startProcess } from '#lib/server/worker/process.ts'
import { deviceRoutes } from '../app/device-routes.ts'
import { root } from './start/settings.ts'

// The web process of `npm start`: devices are answered by Node's own server, everybody else by Next, on one port.

/** Longer than any proxy keeps an idle connection, or it would send a request into one that is closing. */
const keepAliveMs = 75_000
/** Requests in flight finish in this time; live pages and pokes hold their connections open for ever. */
const drainMs = 2_000

const { values } = parseArgs({ options: { port: { type: 'string' }, hostname: { type: 'string' } } })
const port = Number(values.port ?? process.env['PORT'] ?? 3000)
const hostname = values.hostname ?? '127.0.0.1'

const background = startProcess()
const app = next({ dev: false, dir: root, hostname, port })
await app.prepare()
const answerDevice = nodeDoor(deviceRoutes)
const answerPerson = app.getRequestHandler()

const server = createServer({ keepAliveTimeout: keepAliveMs }, (incoming, outgoing) => {
  if (answerDevice(incoming, outgoing)) return
  // Next has no `Request` for it, and would fail.
  if (incoming.method === 'TRACE') outgoing.writeHead(405).end()
  else void answerPerson(incoming, outgoing)
})
server.listen(port, hostname)
await once(server, 'listening')

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop())

async function stop(): Promise<void> {
  server.close()
  await Promise.race([once(server, 'close'), sleep(drainMs)])
  server.closeAllConnections()
  await Promise.allSettled([background.stop(), app.close()])
  process.exit(0)
}
