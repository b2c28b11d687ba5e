import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'

// For tests that see to it that no statement of a hot path or a nightly one reads what grows from end to end.

/** A scope with 20,000 records and changes. */
export const largeScope = 'large'
/** Tables that grow with the fleet and its history. */
const growing =
  '^(record|op_result|feed_(commit|change|head).*|device(_stream|_health)?|stream_hole|conflict)$'

/** Enough of everything that the planner would find an index worth its while, and a mistake would show. */
export async function fill(client: Client): Promise<void> {
  await client.query(`
    INSERT INTO device (id, name, token_hash, scopes, incarnation)
      SELECT gen_random_uuid(), 'd' || i, sha256(i::text::bytea), '{}', gen_random_uuid() FROM generate_series(1, 2000) i;
    INSERT INTO device_health (device_id) SELECT id FROM device;
    INSERT INTO record (scope, "table", id, version, data, checksum, hlc)
      SELECT '${largeScope}', 'things', gen_random_uuid(), 1, '{"name": "x"}', '', '' FROM generate_series(1, 20000);
    INSERT INTO op_result (device_id, incarnation, seq, op_id, payload_hash, kind, answer)
      -- A device each: the planner takes it that no device sent much.
      SELECT gen_random_uuid(), gen_random_uuid(), i, gen_random_uuid(), '', 'accepted', '{}'
      FROM generate_series(1, 20000) i;
    INSERT INTO feed_head (scope, seq, chain) VALUES ('${largeScope}', 200, '');
    INSERT INTO feed_head (scope, chain) SELECT 'other ' || i, '' FROM generate_series(1, 2000) i;
    INSERT INTO feed_commit (scope, seq, committed_at, batch, position, changes, size_bytes, digest, chain, actor_kind, actor_id)
      SELECT '${largeScope}', i, now(), gen_random_uuid(), nextval('feed_position'), 100, 1000, '', '', 'system', 'test'
      FROM generate_series(1, 200) i;
    INSERT INTO feed_change (scope, batch, ordinal, committed_at, "table", record_id, operation, effect, outcome,
      before_version, after_version, data, checksum, hlc, vector, rule)
      SELECT c.scope, c.batch, i, c.committed_at, 'things', gen_random_uuid(), 'CREATE', 'UPSERT', 'applied', 0, 1,
        '{"name": "x"}', '', '', '{}', '{}'
      FROM feed_commit c, generate_series(1, 100) i;
    INSERT INTO snapshot_turn (device_id, asked_at, turn_at, due_at, expires_at)
      SELECT gen_random_uuid(), now() - i * interval '1 second', now() - i * interval '1 second', now(), now() + interval '1 hour'
      FROM generate_series(1, 5000) i;
    ANALYZE`)
}

/** Rows of the growing tables that were read by sequential scans so far. */
export async function rowsScanned(client: Client): Promise<Record<string, number>> {
  // A connection tells what it read when it ends, at the latest.
  while ((await othersConnected(client)) > 0) await sleep(20)
  const { rows } = await client.query<{ name: string; read: string }>(`
    SELECT relname AS name, seq_tup_read AS read FROM pg_stat_user_tables
    WHERE relname ~ '${growing}'`)
  return Object.fromEntries(rows.map(({ name, read }) => [name, Number(read)]))
}

/** Entries read of the indexes of these tables so far. */
export async function rowsFound(client: Client): Promise<number> {
  while ((await othersConnected(client)) > 0) await sleep(20)
  const { rows } = await client.query<{ read: string }>(
    `SELECT sum(idx_tup_read) AS read FROM pg_stat_user_indexes WHERE relname ~ '${growing}'`,
  )
  return Number(rows[0]!.read)
}

/** Rows read of one table so far, by whatever way. */
export async function rowsRead(client: Client, table: string): Promise<number> {
  while ((await othersConnected(client)) > 0) await sleep(20)
  const { rows } = await client.query<{ read: string }>(
    `SELECT seq_tup_read + idx_tup_fetch AS read FROM pg_stat_user_tables WHERE relname = $1`,
    [table],
  )
  return Number(rows[0]!.read)
}

async function othersConnected(client: Client): Promise<number> {
  const { rows } = await client.query<{ count: number }>(`
    SELECT count(*)::int FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`)
  return rows[0]!.count
}

export async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}
