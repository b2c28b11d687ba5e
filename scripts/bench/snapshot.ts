import pg from 'pg'
import { HttpDevice } from './http-device.ts'
import type { Contest } from './measure.ts'
import type { Stack } from './stack.ts'
import { Workload } from './workload.ts'

const scope = 'snapshot'
const records = 100_000
const pageSize = 1_000

type SnapshotOptions = { name: string; against: string | null; goal: number | null }

/** Fills a scope with records for a full sync. */
export async function fillScope({ databaseUrl }: Stack): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  await client.query(
    `INSERT INTO record (scope, "table", id, version, data, checksum, hlc, vector, last_op_id, created_at, updated_at)
      SELECT $1, 'inspections', gen_random_uuid(), 1, jsonb_build_object('title', 'Inspection ' || i, 'status', 'open',
        'priority', i % 10, 'address', jsonb_build_object('street', i % 400 || ' Kestrel Road', 'city', 'Harbour Town'),
        'tags', jsonb_build_array('fire', 'stairs', 'annual'), 'notes', repeat('Handrail secure on both sides. ', 10)),
        encode(sha256(i::text::bytea), 'hex'), '0193f3a2b4c0-0003-9f2c01aa77e04b11', '{}', gen_random_uuid(), now(), now()
      FROM generate_series(1, $2) i`,
    [scope, records],
  )
  await client.query('ANALYZE record')
  await client.end()
}

/** A device that reads all of it, page by page, again and again. */
export async function snapshotOverHttp(stack: Stack, options: SnapshotOptions): Promise<Contest> {
  const device = await HttpDevice.enrol(stack, new Workload(scope))
  let cursor: string | null = null
  const page = async () => {
    const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const text = await device.get(`/api/v1/snapshot?limit=${pageSize}${query}`)
    cursor = /"next_cursor":"([^"]*)"/.exec(text.slice(-4_000))?.[1] ?? null
    return text.split('"record_id":').length - 1
  }
  return {
    ...options,
    prepare: (requests) => [{ requests: Array.from({ length: requests }, () => page) }],
    close: () => device.close(),
  }
}

/** The same records as `data::text` by their key, over node-postgres. */
export async function snapshotAtTheLimit(stack: Stack, name: string): Promise<Contest> {
  const client = new pg.Client({ connectionString: stack.databaseUrl })
  await client.connect()
  let after = '00000000-0000-0000-0000-000000000000'
  const page = async () => {
    const { rows } = await client.query<{ id: string }>({
      name: 'limit_snapshot',
      text: `SELECT id, version, data::text, checksum, hlc FROM record
        WHERE scope = $1 AND ("table", id) > ('inspections', $2::uuid) AND NOT deleted ORDER BY "table", id LIMIT $3`,
      values: [scope, after, pageSize],
    })
    after = rows.length < pageSize ? '00000000-0000-0000-0000-000000000000' : rows.at(-1)!.id
    return rows.length
  }
  return {
    ...{ name, against: null, goal: null },
    prepare: (requests) => [{ requests: Array.from({ length: requests }, () => page) }],
    close: () => client.end(),
  }
}
