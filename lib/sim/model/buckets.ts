import { createHash } from 'node:crypto'
import type { BucketDifferences } from '#lib/server/sync/feed-page.ts'
import type { SyncStore } from '#lib/server/sync/store.ts'
import { liveAt } from './feed-pages.ts'
import type { Tables } from './tables.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** compare_buckets of prisma/migrations/20261122000800_restore. */
export function bucketDifferences(
  tables: Tables,
  { scope, pin, tables: wanted, buckets, maxRecords }: Parameters<SyncStore['bucketDifferences']>[0],
): BucketDifferences {
  const isWanted = (table: string) => wanted === null || wanted.includes(table)
  const head = tables.get('heads', scope)
  const ours = new Map<
    string,
    { table: string; bucket: string; rows: { id: string; version: number; checksum: string }[] }
  >()
  for (const { table, id, version, checksum } of liveAt(tables, scope, pin ?? Infinity)) {
    if (!isWanted(table)) continue
    const bucket = sha256(id).slice(0, 2)
    const place = ours.get(`${table}/${bucket}`) ?? { table, bucket, rows: [] }
    place.rows.push({ id, version, checksum })
    ours.set(`${table}/${bucket}`, place)
  }
  for (const [table, given] of Object.entries(buckets)) {
    if (!isWanted(table)) continue
    for (const bucket of Object.keys(given)) {
      if (!ours.has(`${table}/${bucket}`)) ours.set(`${table}/${bucket}`, { table, bucket, rows: [] })
    }
  }
  const differing = [...ours.values()]
    .filter(({ table, bucket, rows }) => {
      const lines = rows.map(({ id, version, checksum }) => `${id}:${version}:${checksum}`)
      return (rows.length > 0 ? sha256(lines.join('\n')) : undefined) !== buckets[table]?.[bucket]
    })
    .toSorted((a, b) => (a.table === b.table ? (a.bucket < b.bucket ? -1 : 1) : a.table < b.table ? -1 : 1))
  const told: Record<string, Record<string, Record<string, number>>> = {}
  let soFar = 0
  let count = 0
  for (const { table, bucket, rows } of differing) {
    soFar += rows.length
    if (soFar > maxRecords && count > 0) break
    count++
    const inTable = (told[table] ??= {})
    inTable[bucket] = Object.fromEntries(rows.map(({ id, version }) => [id, version]))
  }
  return {
    ...{ head: head?.seq ?? 0, min_seq: head?.min_seq ?? 0, buckets: JSON.stringify(told) },
    chain: tables.feed(scope).find(({ seq }) => seq === pin)?.chain ?? null,
    has_more: differing.length > count,
  }
}
