import pg from 'pg'
import { summarise, type Contest, type Result, type Round } from './measure.ts'
import { pushAtTheLimit, pushOverHttp } from './push.ts'
import type { Stack } from './stack.ts'

type GrowthOptions = {
  /** Of the log, at the end. */
  changes: number
  seconds: number
  compete: (contests: readonly Contest[]) => Promise<Map<string, Round[]>>
}

const perBatch = 100
const firstStep = 10_000

/**
 * What a push of a hundred costs while the log grows tenfold and tenfold again, the fleet with it. Each step stands
 * against the hand-written function on a database that grew alike, measured beside it.
 */
export async function measureGrowth(stack: Stack, options: GrowthOptions): Promise<Result[]> {
  const results: Result[] = []
  let filled = 0
  for (let changes = firstStep; changes <= options.changes; changes *= 10) {
    for (const url of [stack.databaseUrl, stack.limitUrl]) {
      await grow(url, filled / perBatch, changes / perBatch)
    }
    filled = changes
    const name = `push 100 on ${changes.toLocaleString('en')} changes`
    const against = `${name}, SQL function`
    const load = { size: 100, connections: 4 }
    const contests = [
      await pushAtTheLimit(stack, { ...load, name: against }),
      await pushOverHttp(stack, { ...load, name, scopes: 'own', against, goal: null }),
    ]
    results.push(...summarise(contests, await options.compete(contests)))
    for (const { close } of contests) await close()
  }
  return results
}

/** Batches `from`..`to` of a history: their commits, changes, records and answers, and a device for each. */
async function grow(databaseUrl: string, from: number, to: number): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  // The filling itself need not survive a crash.
  await client.query('SET synchronous_commit = off')
  await client.query(`INSERT INTO feed_head (scope, seq, chain) VALUES ('grown', ${to}, 'x')
    ON CONFLICT (scope) DO UPDATE SET seq = excluded.seq`)
  await client.query(`INSERT INTO device (id, name, token_hash, scopes, incarnation)
    SELECT md5('device ' || b)::uuid, 'grown ' || b, sha256(('grown ' || b)::bytea), '{}', md5('life ' || b)::uuid
    FROM generate_series(${from} + 1, ${to}) b`)
  await client.query(`INSERT INTO feed_commit (scope, seq, committed_at, batch, position, changes, size_bytes, digest, chain,
      actor_kind, actor_id)
    SELECT 'grown', b, now(), md5('batch ' || b)::uuid, nextval('feed_position'), ${perBatch}, 60000, 'x', 'x', 'device', 'x'
    FROM generate_series(${from} + 1, ${to}) b`)
  const each = `FROM generate_series(${from} + 1, ${to}) b, generate_series(1, ${perBatch}) n`
  const data = `jsonb_build_object('title', 'Inspection ' || n, 'status', 'open', 'priority', n % 10,
    'notes', repeat('Handrail secure on both sides. ', 6))`
  await client.query(`INSERT INTO feed_change (scope, batch, ordinal, committed_at, "table", record_id, operation, effect,
      op_id, seq, outcome, before_version, after_version, data, checksum, hlc, vector, rule)
    SELECT 'grown', md5('batch ' || b)::uuid, n, now(), 'inspections', md5(b || ' ' || n)::uuid, 'CREATE', 'UPSERT',
      md5('op ' || b || ' ' || n)::uuid, n, 'applied', 0, 1, ${data}, 'x', 'x', '{}', '{}' ${each}`)
  await client.query(`INSERT INTO record (scope, "table", id, version, data, checksum, hlc)
    SELECT 'grown', 'inspections', md5(b || ' ' || n)::uuid, 1, ${data}, 'x', 'x' ${each}`)
  await client.query(`INSERT INTO op_result (device_id, incarnation, seq, op_id, payload_hash, kind, answer, scope, "table",
      record_id, version, stands_on)
    SELECT md5('device ' || b)::uuid, md5('life ' || b)::uuid, n, md5('op ' || b || ' ' || n)::uuid, 'x', 'accepted',
      repeat('x', 200), 'grown', 'inspections', md5(b || ' ' || n)::uuid, 1, 1 ${each}`)
  // What the filling left to be tidied up is not the price of the pushes after it: autovacuum would add twice their own.
  await client.query('VACUUM (ANALYZE)')
  await client.query('CHECKPOINT')
  await client.end()
}
