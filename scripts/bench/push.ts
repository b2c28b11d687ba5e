import { readFile } from 'node:fs/promises'
import pg from 'pg'
import type { SyncReply } from '#lib/protocol/sync.ts'
import { HttpDevice } from './http-device.ts'
import type { Contest, Lane } from './measure.ts'
import type { Stack } from './stack.ts'
import { Workload } from './workload.ts'

/** Of the server's pool (lib/server/db.ts). */
const poolSize = 12

type PushOptions = {
  name: string
  /** Changes per request. */
  size: number
  connections: number
  /** One for all devices, or one for each. */
  scopes: 'shared' | 'own'
  against: string | null
  goal: number | null
  /** Pulls nothing: where devices share a scope, reading each other's changes is another matter. */
  pullLimit?: number
}

/** Pushes over HTTP with everything on. */
export async function pushOverHttp(stack: Stack, options: PushOptions): Promise<Contest> {
  const { name, size, connections, scopes, against, goal, pullLimit = 500 } = options
  const devices = await Promise.all(
    workloads(name, connections, scopes).map((workload) => HttpDevice.enrol(stack, workload)),
  )
  for (const device of devices) {
    for (const batch of device.workload.firstBatches(size)) await device.sync(device.ready(batch, pullLimit))
  }
  const lane = (device: HttpDevice, count: number): Lane => {
    const replies: string[] = []
    const requests = Array.from({ length: count }, () => {
      const ready = device.ready(device.workload.batch(size), pullLimit)
      return async () => {
        replies.push(await device.sync(ready))
        return size
      }
    })
    return { requests, verify: () => replies.forEach((text) => verifyReply(text, size)) }
  }
  return {
    ...{ name, against, goal },
    prepare: (requests) => devices.map((device) => lane(device, Math.ceil(requests / devices.length))),
    close: () => devices.forEach((device) => device.close()),
  }
}

/** A server that refuses is fast. */
function verifyReply(text: string, size: number): void {
  const { accepted, conflicts, rejected } = JSON.parse(text) as SyncReply
  if (accepted.length === size && conflicts.length + rejected.length === 0) return
  throw new Error(`not what was expected: ${text.slice(0, 1_000)}`)
}

/** The same batches again, all of them answered before. */
export async function replayOverHttp(
  stack: Stack,
  options: Omit<PushOptions, 'scopes' | 'pullLimit'>,
): Promise<Contest> {
  const { name, size, connections, against, goal } = options
  const devices = await Promise.all(
    workloads(name, connections, 'own').map((workload) => HttpDevice.enrol(stack, workload)),
  )
  const lanes: { device: HttpDevice; ready: Buffer[] }[] = []
  for (const device of devices) {
    const ready: Buffer[] = []
    for (const batch of device.workload.firstBatches(size)) await device.sync(device.ready(batch, 500))
    for (let i = 0; i < 10; i++) ready.push(device.ready(device.workload.batch(size), 500))
    for (const batch of ready) await device.sync(batch)
    lanes.push({ device, ready })
  }
  return {
    ...{ name, against, goal },
    prepare: (requests) =>
      lanes.map(({ device, ready }) => ({
        requests: Array.from({ length: Math.ceil(requests / lanes.length) }, (_, i) => async () => {
          await device.sync(ready[i % ready.length]!)
          return size
        }),
      })),
    close: () => devices.forEach((device) => device.close()),
  }
}

/** The same writes by one hand-written SQL function over node-postgres. */
export async function pushAtTheLimit(
  stack: Stack,
  { name, size, connections }: Pick<PushOptions, 'name' | 'size' | 'connections'>,
): Promise<Contest> {
  const lanes = await Promise.all(
    // No more connections than the server has to its database: more would only wait for each other.
    workloads(name, Math.min(connections, poolSize), 'own').map(async (workload) => {
      const client = new pg.Client({ connectionString: stack.limitUrl })
      await client.connect()
      const push = async (changes: string) => {
        const { deviceId, incarnation, scope } = workload
        const { rows } = await client.query<{ pushed: { answers: string[] | null } }>({
          name: 'limit_push',
          text: 'SELECT limit_push($1, $2, $3, $4) AS pushed',
          values: [deviceId, incarnation, scope, changes],
        })
        return rows[0]?.pushed.answers?.length ?? 0
      }
      for (const batch of workload.firstBatches(size)) await push(JSON.stringify(batch))
      return { client, workload, push }
    }),
  )
  return {
    ...{ name, against: null, goal: null },
    prepare: (requests) =>
      lanes.map(({ workload, push }) => ({
        requests: Array.from({ length: Math.ceil(requests / lanes.length) }, () => {
          const changes = JSON.stringify(workload.batch(size))
          return async () => {
            const answered = await push(changes)
            // The replays are not answered again.
            if (answered < size * 0.9 - 1) throw new Error(`the limit answered ${answered} of ${size}`)
            return size
          }
        }),
      })),
    close: async () => {
      for (const { client } of lanes) await client.end()
    },
  }
}

/**
 * The server's code is compiled as it runs: the first few hundred requests pay for the others. The limit's tables are
 * filled alike: on empty ones a push costs it a sixth less.
 */
export async function warmUp(stack: Stack): Promise<void> {
  const load = { name: 'warm-up', connections: 4, scopes: 'own', against: null, goal: null } as const
  for (const size of [100, 1]) {
    const contests = [
      await pushOverHttp(stack, { ...load, size }),
      await pushAtTheLimit(stack, { ...load, size }),
    ]
    for (const { prepare, close } of contests) {
      await Promise.all(
        prepare(400).map(async ({ requests }) => {
          for (const request of requests) await request()
        }),
      )
      await close()
    }
  }
}

/** Adds the limit's own function to its database. */
export async function installLimit({ limitUrl }: Stack): Promise<void> {
  const client = new pg.Client({ connectionString: limitUrl })
  await client.connect()
  await client.query(await readFile(new URL('limit.sql', import.meta.url), 'utf8'))
  await client.end()
}

function workloads(name: string, count: number, scopes: 'shared' | 'own'): Workload[] {
  return Array.from({ length: count }, (_, i) => new Workload(scopes === 'own' ? `${name} ${i}` : name))
}
