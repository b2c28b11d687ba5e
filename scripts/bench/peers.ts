import { fork } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdtemp, rm } from 'node:fs/promises'
import { Agent, request, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findFreePort } from '../postgres/port.ts'
import { HttpDevice } from './http-device.ts'
import type { Contest, Lane } from './measure.ts'
import { fillFeed, pullOverHttp } from './pull.ts'
import type { Stack } from './stack.ts'
import { Workload } from './workload.ts'

const folder = join(import.meta.dirname, 'peers')
const devices = 100
const batch = 100
const total = 10_000
const page = 1_000

/**
 * The same work by others, over their own replication protocols: a hundred devices push a hundred new documents of 500
 * bytes each time, and four read ten thousand. express-pouchdb stores on LevelDB; rxdb-server in memory, and loses all.
 */
export async function enterPeers(stack: Stack): Promise<Contest[]> {
  if (!(await exists(join(folder, 'node_modules')))) {
    console.log('\nThe peers are not installed: npm ci --prefix scripts/bench/peers')
    return []
  }
  const pouch = await startPouch()
  const rxdb = await startRxdb()
  const own = { push: 'push: Holdfast', pull: 'pull: Holdfast' }
  const workloads = Array.from({ length: devices }, (_, i) => new Workload(`peers ${i}`))
  const enrolled = await Promise.all(workloads.map((workload) => HttpDevice.enrol(stack, workload)))
  await fillFeed(stack, total)
  const against = { push: own.push, pull: own.pull }
  return [
    {
      ...{ name: own.push, against: null, goal: null },
      prepare: (requests) =>
        enrolled.map((device) =>
          lane(requests / devices, () => {
            const ready = device.ready(device.workload.creates(batch), 500)
            return async () => {
              if ((await device.sync(ready)).split('"outcome":"applied"').length - 1 !== batch)
                throw new Error('not all were applied')
              return batch
            }
          }),
        ),
      close: () => enrolled.forEach((device) => device.close()),
    },
    pouch.push({ name: 'push: express-pouchdb, of ours', against: against.push }),
    rxdb.push({ name: 'push: rxdb-server in memory, of ours', against: against.push }),
    await pullOverHttp(stack, { name: own.pull, connections: 4, against: null, goal: null }),
    await pouch.pull({ name: 'pull: express-pouchdb, of ours', against: against.pull }),
    await rxdb.pull({ name: 'pull: rxdb-server in memory, of ours', against: against.pull }),
  ]
}

type Named = { name: string; against: string }

async function startPouch() {
  const data = await mkdtemp(join(tmpdir(), 'holdfast-pouchdb-'))
  const peer = await startPeer('pouchdb.js', data)
  for (const name of ['pushed', 'pulled']) await peer.ask('PUT', `/${name}`)
  const send = async (ask: Ask, database: string, docs: Document[]) => {
    await ask('POST', `/${database}/_revs_diff`, Object.fromEntries(docs.map((doc) => [doc._id, [doc._rev]])))
    await ask('POST', `/${database}/_bulk_docs`, { docs, new_edits: false })
    return docs.length
  }
  return {
    push: (named: Named): Contest => ({
      ...{ ...named, goal: null, serverPid: peer.pid },
      prepare: (requests) =>
        writers(requests, peer, (ask) => {
          const docs = documents(batch).map(asCouch)
          return () => send(ask, 'pushed', docs)
        }),
      close: async () => {
        await peer.stop()
        await rm(data, { recursive: true, force: true })
      },
    }),
    pull: async (named: Named): Promise<Contest> => {
      for (let i = 0; i < total / batch; i++) await send(peer.ask, 'pulled', documents(batch).map(asCouch))
      return {
        ...{ ...named, goal: null, serverPid: peer.pid },
        prepare: (requests) =>
          readers(requests, () => {
            const { ask } = peer.connect()
            let since: unknown = 0
            return async () => {
              const query = `since=${encodeURIComponent(String(since))}&limit=${page}&style=all_docs`
              const told = (await ask('GET', `/pulled/_changes?${query}`)) as {
                results: { id: string; changes: { rev: string }[] }[]
                last_seq: unknown
              }
              since = told.results.length < page ? 0 : told.last_seq
              const docs = told.results.map(({ id, changes }) => ({ id, rev: changes[0]!.rev }))
              if (docs.length > 0) await ask('POST', '/pulled/_bulk_get?revs=true&latest=true', { docs })
              return docs.length
            }
          }),
        close: () => undefined,
      }
    },
  }
}

async function startRxdb() {
  const peer = await startPeer('rxdb.js', String(await findFreePort()))
  const send = async (ask: Ask, collection: string, docs: { newDocumentState: object }[]) => {
    const conflicts = (await ask('POST', `/${collection}/0/push`, docs)) as unknown[]
    if (conflicts.length > 0) throw new Error('rxdb-server answered with conflicts')
    return docs.length
  }
  return {
    push: (named: Named): Contest => ({
      ...{ ...named, goal: null, serverPid: peer.pid },
      prepare: (requests) =>
        writers(requests, peer, (ask) => {
          const docs = documents(batch).map(asRxdb)
          return () => send(ask, 'pushed', docs)
        }),
      close: () => peer.stop(),
    }),
    pull: async (named: Named): Promise<Contest> => {
      for (let i = 0; i < total / batch; i++) await send(peer.ask, 'pulled', documents(batch).map(asRxdb))
      return {
        ...{ ...named, goal: null, serverPid: peer.pid },
        prepare: (requests) =>
          readers(requests, () => {
            const { ask } = peer.connect()
            let from = { id: '', lwt: 0 }
            return async () => {
              const told = (await ask(
                'GET',
                `/pulled/0/pull?lwt=${from.lwt}&id=${from.id}&limit=${page}`,
              )) as {
                documents: unknown[]
                checkpoint: { id: string; lwt: number }
              }
              from = told.documents.length < page ? { id: '', lwt: 0 } : told.checkpoint
              return told.documents.length
            }
          }),
        close: () => undefined,
      }
    },
  }
}

type Ask = (method: string, path: string, body?: unknown) => Promise<unknown>

/** A peer's server in a process of its own. */
async function startPeer(file: string, argument: string) {
  const child = fork(join(folder, file), [argument], { cwd: folder, silent: true })
  const exited = once(child, 'exit')
  const [port] = (await Promise.race([
    once(child, 'message'),
    exited.then(() => Promise.reject(new Error(`${file} ended at once`))),
  ])) as [number]
  const agents: Agent[] = []
  const connect = () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    agents.push(agent)
    const ask: Ask = async (method, path, body) => {
      const text = body === undefined ? '' : JSON.stringify(body)
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
      const outgoing = request({ ...{ port, host: '127.0.0.1', method, path, agent, headers } })
      outgoing.end(text)
      const [reply] = (await once(outgoing, 'response')) as [IncomingMessage]
      const said = Buffer.concat((await reply.toArray()) as Buffer[]).toString()
      if ((reply.statusCode ?? 500) >= 300)
        throw new Error(`${path}: ${reply.statusCode} ${said.slice(0, 300)}`)
      return JSON.parse(said) as unknown
    }
    return { ask }
  }
  return {
    pid: child.pid ?? 0,
    connect,
    ask: connect().ask,
    stop: async () => {
      for (const agent of agents) agent.destroy()
      child.kill('SIGKILL')
      await exited
    },
  }
}

type Document = { _id: string; _rev: string }

function documents(count: number): { id: string; data: object }[] {
  return new Workload('documents').creates(count).map(({ record_id: id, data }) => ({ id, data: data ?? {} }))
}

/** With a revision of its own, as replication sends it. */
function asCouch({ id, data }: { id: string; data: object }): Document {
  const revision = id.replaceAll('-', '')
  return { _id: id, _rev: `1-${revision}`, ...data, ...{ _revisions: { start: 1, ids: [revision] } } }
}

function asRxdb({ id, data }: { id: string; data: object }) {
  return { newDocumentState: { id, ...data, _deleted: false } }
}

function lane(count: number, make: () => () => Promise<number>): Lane {
  return { requests: Array.from({ length: Math.ceil(count) }, make) }
}

/** A hundred devices, each with a connection of its own. */
function writers(
  requests: number,
  peer: { connect: () => { ask: Ask } },
  make: (ask: Ask) => () => Promise<number>,
): Lane[] {
  return Array.from({ length: devices }, () => {
    const { ask } = peer.connect()
    return lane(requests / devices, () => make(ask))
  })
}

function readers(requests: number, make: () => () => Promise<number>): Lane[] {
  return Array.from({ length: 4 }, () => {
    const read = make()
    return lane(requests / 4, () => read)
  })
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
