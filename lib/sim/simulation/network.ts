import {
  TransportError,
  type Transport,
  type TransportReply,
  type TransportRequest,
} from '#lib/client/index.ts'
import type { Dice } from './dice.ts'
import type { World } from './world.ts'

/** A server, as those outside see it. */
export type Door = {
  readonly name: string
  readonly isAlive: boolean
  /** Rejects, or never resolves, where no answer comes. */
  handle: (request: TransportRequest) => Promise<TransportReply>
}

/** The way between one device and the servers, with everything that happens on it. */
export function createNetwork(
  world: World,
  options: { name: string; dice: Dice; servers: () => readonly Door[]; isAlive: () => boolean },
): Transport & { isOffline: boolean } {
  const { name, dice, servers, isAlive } = options
  const { scheduler, trace } = world
  const lost = (what: string) => new TransportError('network', what)

  const deliver = async (request: TransportRequest): Promise<TransportReply> => {
    const up = servers().filter((server) => server.isAlive)
    if (up.length === 0) throw lost('connection refused')
    const server = dice.pick(up)
    trace.add(name, `→ ${server.name} ${request.method} ${request.path.slice(0, 20)}`)
    return server.handle(request).catch((error: unknown) => {
      throw lost(error instanceof Error ? error.message : 'connection reset')
    })
  }
  const latency = () => (world.happens('delay', 0.06, dice) ? dice.between(500, 60_000) : dice.between(5, 80))

  const network = {
    isOffline: false,
    async send(request: TransportRequest): Promise<TransportReply> {
      if (network.isOffline) throw lost('no network')
      await scheduler.sleep(latency())
      if (world.happens('lose_request', 0.08, dice)) throw lost('lost on the way there')
      const sent = mangle(world, dice, request, 'request')
      // An enrolment that comes again gives a new token: nobody sends one twice unasked.
      if (request.path !== '/api/v1/enroll' && world.happens('duplicate', 0.08, dice)) {
        scheduler.after(dice.between(0, 30_000), () => void deliver(sent).catch(() => {}))
      }
      const reply = await deliver(sent)
      await scheduler.sleep(latency())
      if (!isAlive()) return new Promise(() => {})
      if (network.isOffline || world.happens('lose_reply', 0.08, dice)) throw lost('lost on the way back')
      const arrived = mangle(world, dice, reply, 'reply')
      trace.add(name, `← ${arrived.status} ${gist(arrived)}`)
      return arrived
    },
  }
  return network
}

/** What TCP and TLS let through: an end that is missing, or (bad memory, bad proxies) a value that changed. */
function mangle<Message extends { body: string | null }>(
  world: World,
  dice: Dice,
  message: Message,
  what: 'request' | 'reply',
): Message {
  const { body } = message
  if (!body) return message
  if (world.happens('truncate', what === 'request' ? 0.03 : 0.05, dice)) {
    return { ...message, body: body.slice(0, dice.int(0, body.length - 1)) }
  }
  if (world.happens('corrupt', 0.05, dice)) return { ...message, body: corrupt(body, dice) }
  return message
}

/** Changes a value inside the data of a change or a row: what checksums stand for. */
function corrupt(body: string, dice: Dice): string {
  const parsed = JSON.parse(body) as Record<string, unknown>
  const rows = ['changes', 'server_changes', 'items', 'accepted'].flatMap((name) => {
    const list = parsed[name]
    return Array.isArray(list) ? (list as { data?: Record<string, unknown> | null }[]) : []
  })
  const damageable = rows.filter(({ data }) => data && Object.keys(data).length > 0)
  if (damageable.length === 0) return body
  const { data } = dice.pick(damageable)
  data![dice.pick(Object.keys(data!))] = `damaged ${dice.int(0, 999)}`
  return JSON.stringify(parsed)
}

/** What a reply says, in a line. */
function gist({ status, body }: TransportReply): string {
  try {
    const reply = JSON.parse(body) as Record<string, unknown>
    if (status !== 200) return String(reply['code'])
    const count = (name: string) => (Array.isArray(reply[name]) ? `${name} ${reply[name].length} ` : '')
    const codes =
      (reply['rejected'] as { code: string }[] | undefined)?.map(({ code }) => code).join(' ') ?? ''
    const resync = reply['resync'] ? ` resync ${JSON.stringify(reply['resync'])}` : ''
    return count('accepted') + count('conflicts') + count('server_changes') + count('items') + codes + resync
  } catch {
    return 'cut off'
  }
}
