import type { Contest } from './measure.ts'
import { enterOrders } from './order.ts'
import { enterPeers } from './peers.ts'
import { fillFeed, pullAtTheLimit, pullOverHttp } from './pull.ts'
import { pushAtTheLimit, pushOverHttp, replayOverHttp } from './push.ts'
import { fillScope, snapshotAtTheLimit, snapshotOverHttp } from './snapshot.ts'
import type { Stack } from './stack.ts'

/** What can be chosen, in the order in which it runs. Each part's contests run in turns, and stand against each other. */
export const parts: Record<string, (stack: Stack) => Promise<Contest[]>> = {
  push: async (stack) => {
    const contests: Contest[] = []
    for (const connections of [1, 8, 64]) {
      for (const size of [100, 10, 1]) {
        const name = `push ${size}, ${count(connections)}`
        const against = `${name}, SQL function`
        const goal = connections === 8 ? (goals[size] ?? null) : null
        contests.push(await pushAtTheLimit(stack, { name: against, size, connections }))
        contests.push(await pushOverHttp(stack, { name, size, connections, scopes: 'own', against, goal }))
      }
    }
    return contests
  },

  hot: async (stack) => {
    const contests: Contest[] = []
    for (const size of [100, 10, 1]) {
      const against = `push ${size}, 64 scopes`
      const crowd = { size, connections: 64, pullLimit: 0 }
      contests.push(
        await pushOverHttp(stack, { ...crowd, name: against, scopes: 'own', against: null, goal: null }),
        await pushOverHttp(stack, {
          ...{ ...crowd, name: `push ${size}, one scope`, scopes: 'shared', against, goal: 0.8 },
        }),
      )
    }
    return contests
  },

  replay: async (stack) => {
    const first = 'push 100, 4 devices'
    const load = { size: 100, connections: 4 }
    return [
      await pushOverHttp(stack, { ...load, name: first, scopes: 'own', against: null, goal: null }),
      await replayOverHttp(stack, { ...load, name: `${first}, again`, against: first, goal: 1 }),
    ]
  },

  tracing: async (stack) => {
    const off = await stack.another({ OTEL_SDK_DISABLED: 'true' })
    const silent = { ...stack, origin: off.origin }
    const load = { size: 10, connections: 8, scopes: 'own' } as const
    const against = 'push 10, tracing off'
    return [
      {
        ...(await pushOverHttp(silent, { ...load, name: against, against: null, goal: null })),
        serverPid: off.pid,
      },
      await pushOverHttp(stack, { ...load, name: 'push 10, tracing on', against, goal: 0.9 }),
    ]
  },

  pull: async (stack) => {
    await fillFeed(stack, 10_000)
    const contests: Contest[] = []
    for (const connections of [1, 50]) {
      const name = `pull 10,000, ${count(connections)}`
      const against = `${name}, SQL`
      contests.push(
        await pullAtTheLimit(stack, { name: against, connections: Math.min(connections, 12) }),
        await pullOverHttp(stack, { name, connections, against, goal: 0.4 }),
      )
    }
    return contests
  },

  snapshot: async (stack) => {
    await fillScope(stack)
    const name = 'snapshot of 100,000 records'
    return [
      await snapshotAtTheLimit(stack, `${name}, SQL`),
      await snapshotOverHttp(stack, { name, against: `${name}, SQL`, goal: null }),
    ]
  },

  order: enterOrders,
  peers: enterPeers,
}

const goals: Record<number, number> = { 100: 0.6, 10: 0.35 }

function count(devices: number): string {
  return devices === 1 ? '1 device' : `${devices} devices`
}
