import pg from 'pg'
import type { SyncReply } from '#lib/protocol/sync.ts'
import { HttpDevice } from './http-device.ts'
import type { Contest } from './measure.ts'
import type { Stack } from './stack.ts'
import { Workload } from './workload.ts'

const scope = 'pull'
const limit = 1_000

type PullOptions = { name: string; connections: number; against: string | null; goal: number | null }

let filled = 0

/** Fills a scope with changes for others to read, if it has none yet. */
export async function fillFeed(stack: Stack, changes: number): Promise<void> {
  if (filled > 0) return
  filled = changes
  const writer = await HttpDevice.enrol(stack, new Workload(scope))
  const batches = Array.from({ length: changes / 100 }, () => writer.workload.creates(100))
  for (const batch of batches) await writer.sync(writer.ready(batch, 0))
  writer.close()
}

/** Devices that read the whole scope over HTTP, page by page, again and again. */
export async function pullOverHttp(stack: Stack, options: PullOptions): Promise<Contest> {
  const { name, connections, against, goal } = options
  const devices = await Promise.all(
    Array.from({ length: connections }, () => HttpDevice.enrol(stack, new Workload(scope))),
  )
  return {
    ...{ name, against, goal },
    prepare: (requests) =>
      devices.map((device) => {
        const ready = device.ready([], limit)
        const replies: string[] = []
        const page = async () => {
          const text = await device.sync(ready)
          replies.push(text)
          if (text.includes('"has_more":false')) device.forgetToken()
          return text.split('"record_id":').length - 1
        }
        return {
          requests: Array.from({ length: Math.ceil(requests / devices.length) }, () => page),
          verify: () => replies.forEach(verifyPage),
        }
      }),
    close: () => devices.forEach((device) => device.close()),
  }
}

function verifyPage(text: string): void {
  const { server_changes: changes, resync } = JSON.parse(text) as SyncReply
  if (changes.length === 0 || resync) throw new Error(`an empty page: ${text.slice(0, 500)}`)
}

/** The same changes as `data::text` by the feed's own key, over node-postgres. */
export async function pullAtTheLimit(
  stack: Stack,
  { name, connections }: Pick<PullOptions, 'name' | 'connections'>,
): Promise<Contest> {
  const readers = await Promise.all(
    Array.from({ length: connections }, async () => {
      const client = new pg.Client({ connectionString: stack.databaseUrl })
      await client.connect()
      return { client, after: 0 }
    }),
  )
  return {
    ...{ name, against: null, goal: null },
    prepare: (requests) =>
      readers.map((reader) => ({
        requests: Array.from({ length: Math.ceil(requests / readers.length) }, () => async () => {
          const { rows } = await reader.client.query<{ seq: string }>({
            name: 'limit_pull',
            text: `SELECT c.seq, ch."table", ch.record_id, ch.effect, ch.after_version, ch.data::text, ch.checksum, ch.hlc
              FROM (SELECT * FROM feed_commit WHERE scope = $1 AND seq > $2 ORDER BY seq LIMIT $3) c
              JOIN feed_change ch ON ch.scope = c.scope AND ch.batch = c.batch AND ch.committed_at = c.committed_at
              WHERE ch.effect <> 'NONE' ORDER BY c.seq, ch.ordinal`,
            values: [scope, reader.after, limit / 100],
          })
          reader.after = rows.length < limit / 2 ? 0 : Number(rows.at(-1)!.seq)
          return rows.length
        }),
      })),
    close: async () => {
      for (const { client } of readers) await client.end()
    },
  }
}
