import { bucketHash, bucketOf, digestReplySchema, type DigestLine } from '#lib/protocol/digest.ts'
import type { Exchange } from './exchange.ts'
import { readIdentity } from './identity.ts'
import type { Kernel } from './kernel.ts'
import { readRowsDocument } from './rows.ts'
import { scopePrefix } from './stored.ts'
import { Unit } from './unit.ts'

/** Rows read from the store in one go. */
const PAGE_ROWS = 1_000

/** What came of comparing this device's rows with the server's. */
export interface DigestReport {
  readonly atMs: number
  /** Records in which the two differ, by scope; scopes that agree are left out. */
  readonly differing: Readonly<Record<string, number>>
  /** A full sync was begun, to put it right. */
  readonly isRepairing: boolean
}

/** The rows of one scope: by table and bucket, what the server is believed to have. */
type Buckets = Map<string, Map<string, DigestLine[]>>

/**
 * Compares what this device holds of the server with what the server has, scope by scope, both at
 * the device's token. Only true while nothing waits on the server: ask after a drained pull.
 * @returns how many records differ in each scope; null where the token itself is of no use any more
 * @throws SyncFailure
 */
export async function compareDigests(
  kernel: Kernel,
  exchange: Exchange,
): Promise<Readonly<Record<string, number>> | null> {
  const unit = new Unit(kernel.storage)
  const { token, scopes } = await readIdentity(unit)
  const feed = await unit.meta('feed', { token: null, epoch: null, lastSyncAtMs: null })
  const differing: Record<string, number> = {}
  for (const scope of scopes) {
    const buckets = await readBuckets(kernel, unit, scope)
    const reply = await exchange({
      method: 'POST',
      path: '/api/v1/digest',
      token,
      body: { scope, sync_token: feed.token, buckets: hashes(kernel, buckets) },
      reply: digestReplySchema,
    })
    if (reply.resync) return null
    const count = countDiffering(buckets, reply.buckets)
    if (count > 0) differing[scope] = count
  }
  return differing
}

async function readBuckets(kernel: Kernel, unit: Unit, scope: string): Promise<Buckets> {
  const { generation } = await readRowsDocument(unit)
  const prefix = scopePrefix(generation, scope)
  const buckets: Buckets = new Map()
  let after: string | undefined
  for (;;) {
    const page = await unit.scan('records', {
      prefix,
      limit: PAGE_ROWS,
      ...(after === undefined ? {} : { after }),
    })
    for (const { value: row } of page) {
      if (!row.server?.data) continue
      const table = buckets.get(row.table) ?? new Map<string, DigestLine[]>()
      buckets.set(row.table, table)
      const bucket = bucketOf(row.id, kernel.sha256Hex)
      const { version, checksum } = row.server
      const lines = table.get(bucket) ?? []
      lines.push({ record_id: row.id, version, checksum })
      table.set(bucket, lines)
    }
    after = page.at(-1)?.key
    if (after === undefined || page.length < PAGE_ROWS) return buckets
  }
}

function hashes(kernel: Kernel, buckets: Buckets): Record<string, Record<string, string>> {
  const ofTable = (table: ReadonlyMap<string, readonly DigestLine[]>) =>
    Object.fromEntries([...table].map(([bucket, lines]) => [bucket, bucketHash(lines, kernel.sha256Hex)]))
  return Object.fromEntries([...buckets].map(([table, lines]) => [table, ofTable(lines)]))
}

/** Records that only one side has, or has in another version; where all versions agree, a content does not. */
function countDiffering(
  ours: Buckets,
  theirs: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, number>>>>>>,
): number {
  let count = 0
  for (const [table, buckets] of Object.entries(theirs)) {
    for (const [bucket, versions] of Object.entries(buckets)) {
      const lines = ours.get(table)?.get(bucket) ?? []
      const wrong = lines.filter((line) => versions[line.record_id] !== line.version)
      const here = new Set(lines.map((line) => line.record_id))
      const missing = Object.keys(versions).filter((id) => !here.has(id))
      count += Math.max(1, wrong.length + missing.length)
    }
  }
  return count
}
