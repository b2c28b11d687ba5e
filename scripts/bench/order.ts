import pg from 'pg'
import type { Contest } from './measure.ts'
import type { Stack } from './stack.ts'
import { Workload } from './workload.ts'

const devices = 64
/** Of the server's pool (lib/server/db.ts). */
const connections = 12

type Push = { workload: Workload; changes: string }
type Way = {
  name: string
  scopes: 'own' | 'shared'
  push: (push: Push) => Promise<unknown>
}

/**
 * What giving every batch its place in one order costs where sixty-four devices push into one scope: by the head row,
 * which each push locks last; by group commit, where those that wait share a transaction; by a sequencer, where batches
 * commit without a place and whoever gets a lock numbers them. In SQL alone, beside the same load over 64 scopes.
 */
export async function enterOrders(stack: Stack): Promise<Contest[]> {
  const contests: Contest[] = []
  // One pool for all: their rounds come one after the other.
  const pool = new pg.Pool({ connectionString: stack.limitUrl, max: connections })
  // A run that is broken off stops the database first.
  pool.on('error', () => undefined)
  const byHead = (push: Push) => limitPush(pool, push, true)
  const byGroup = groupCommit(pool)
  const bySequencer = async (push: Push) => {
    await limitPush(pool, push, false)
    await pool.query({ name: 'limit_number', text: 'SELECT limit_number($1)', values: [push.workload.scope] })
  }
  for (const size of [100, 10, 1]) {
    const against = `${size}: 64 scopes`
    const ways: Way[] = [
      { name: against, scopes: 'own', push: byHead },
      { name: `${size}: head row`, scopes: 'shared', push: byHead },
      { name: `${size}: group commit`, scopes: 'shared', push: byGroup },
      { name: `${size}: sequencer`, scopes: 'shared', push: bySequencer },
    ]
    for (const way of ways) contests.push(await enter(way, size, way.name === against ? null : against))
  }
  contests[0]!.close = () => pool.end()
  return contests
}

async function enter({ name, scopes, push }: Way, size: number, against: string | null): Promise<Contest> {
  const workloads = Array.from({ length: devices }, (_, i) => {
    return new Workload(scopes === 'own' ? `${name} ${i}` : name)
  })
  for (const workload of workloads) {
    for (const batch of workload.firstBatches(size)) await push({ workload, changes: JSON.stringify(batch) })
  }
  return {
    ...{ name, against, goal: null },
    prepare: (requests) =>
      workloads.map((workload) => ({
        requests: Array.from({ length: Math.ceil(requests / devices) }, () => {
          const changes = JSON.stringify(workload.batch(size))
          return async () => {
            await push({ workload, changes })
            return size
          }
        }),
      })),
    close: () => undefined,
  }
}

function groupCommit(pool: pg.Pool): Way['push'] {
  let waiting: { text: string; done: () => void; failed: (error: unknown) => void }[] = []
  let isBusy = false
  const run = async () => {
    isBusy = true
    while (waiting.length > 0) {
      const group = waiting
      waiting = []
      const values = [`[${group.map(({ text }) => text).join(',')}]`]
      try {
        await pool.query({ name: 'limit_push_group', text: 'SELECT limit_push_group($1)', values })
        for (const { done } of group) done()
      } catch (error) {
        for (const { failed } of group) failed(error)
      }
    }
    isBusy = false
  }
  return ({ workload, changes }) =>
    new Promise<void>((done, failed) => {
      const { deviceId, incarnation, scope } = workload
      const who = JSON.stringify({ device: deviceId, incarnation, scope })
      waiting.push({ text: `${who.slice(0, -1)},"changes":${changes}}`, done, failed })
      if (!isBusy) void run()
    })
}

function limitPush(pool: pg.Pool, { workload, changes }: Push, isPublished: boolean): Promise<unknown> {
  const { deviceId, incarnation, scope } = workload
  return pool.query({
    name: 'limit_push',
    text: 'SELECT limit_push($1, $2, $3, $4, $5)',
    values: [deviceId, incarnation, scope, changes, isPublished],
  })
}
