import { bigintArray, hexArray, intArray, jsonbArray, textArray, uuidArray } from './pg-arrays.ts'
import { keyOf } from './record-states.ts'
import type {
  CommitRequest,
  FeedChangeRow,
  Loaded,
  LoadedRecord,
  LoadRequest,
  OpResultRow,
  RecordKey,
} from './store.ts'

// What push_load and push_commit take. Writing it, sending it and reading it is a third of what a push costs, so what most
// rows have in common is said once, what is null not at all, and what the database can put together itself is left to
// it; and what each change has of its own goes as lists that need no reading.

/** What a batch rests on, as parameters of push_load. A key says itself which version its edit was made on. */
export function loadParameters({ keys, op_ids, ...request }: LoadRequest): (string | Buffer)[] {
  const [first] = keys
  const common = { scope: first?.scope, table: first?.table }
  const bases = new Map<string, number>()
  const known = new Set(keys.map(keyOf))
  const others = request.bases.filter((base) => {
    const key = keyOf(base)
    if (!known.has(key) || bases.has(key)) return true
    bases.set(key, base.version)
    return false
  })
  const whole = {
    ...request,
    ...common,
    bases: others.map((base) => ({ ...shortKey(base, common), version: base.version })),
  }
  return [
    JSON.stringify(whole),
    uuidArray(op_ids),
    ...keyArrays(keys),
    intArray(keys.map((key) => bases.get(keyOf(key)) ?? null)),
  ]
}

const keyArrays = (keys: readonly RecordKey[]): Buffer[] => [
  textArray(keys.map(({ scope }) => scope)),
  textArray(keys.map(({ table }) => table)),
  uuidArray(keys.map(({ id }) => id)),
]

/** A restore from a backup is another database, or another start of PostgreSQL. */
const life = `(SELECT oid || ' ' || extract(epoch FROM pg_postmaster_start_time()) FROM pg_database WHERE datname = current_database())`

export const loadStatement = {
  name: 'push_load',
  text: `SELECT push_load($1::jsonb, $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::int[]) AS loaded, ${life} AS life`,
}

type LoadedText = Omit<Loaded, 'records'> & {
  records: (Partial<RecordKey> & Omit<LoadedRecord, 'scope' | 'table'>)[] | null
}

/** What push_load answers: a record of the first key's scope and table does not name them. */
export function readLoaded(row: { loaded: string; life: string }, { keys: [first] }: LoadRequest): Loaded {
  const loaded = JSON.parse(row.loaded) as LoadedText
  const { scope = '', table = '' } = first ?? {}
  const records = loaded.records?.map((record) => ({ scope, table, ...record })) ?? null
  return { ...loaded, records, life: row.life }
}

export const commitStatement = {
  name: 'push_commit',
  text: `SELECT CASE WHEN $18::text IS NULL OR $18 = ${life} THEN push_commit($1::jsonb, $2::text[], $3::text[], $4::uuid[], $5::int[], $6::int[], $7::int[], $8::uuid[],
    $9::uuid[], $10::bigint[], $11::int[], $12::int[], $13::jsonb[], $14::text[], $15::text[], $16::jsonb[],
    $17::bytea[]) END AS committed`,
}

/** Both are one transaction; what is closed may have been written just before. */
export const commitResentStatement = {
  name: 'push_commit_resent',
  text: `WITH written AS MATERIALIZED (${commitStatement.text})
    SELECT w.committed, close_resent($19::jsonb) FROM written w WHERE w.committed IS NOT NULL`,
}

/** A decided batch, as parameters of push_commit: what its changes have in common as JSON, and their own as lists. */
export function commitParameters(request: CommitRequest): (string | Buffer | null)[] {
  const {
    changes,
    results: given,
    rests_on,
    holes,
    stream,
    batch,
    actor_kind,
    actor_id,
    trace_id,
    resent: _besides,
    life: loadedIn,
    ...rest
  } = request
  const { inserts, commits, ...others } = rest
  const [first] = changes
  const common = { scope: first?.scope, table: first?.table }
  const device = stream?.device ?? null
  const isOwn = changes.every(({ device_id }) => device_id === device)
  const kinds = new Kinds(common, isOwn)
  const kindOf = changes.map((change) => kinds.of(change))
  // Only what came in a stream is answered again: a replay in a device's name has no seq there.
  const results = new Map((stream ? given : []).map((result) => [result.op_id, result]))
  const hashes = changes.map((change) => {
    const result = results.get(change.op_id)
    if (result === undefined || !isPlainResult(change, result)) return null
    results.delete(change.op_id)
    return result.hash
  })
  // What few batches have, whatever it is: nothing is left out by not being named here.
  const beside = Object.entries(others).filter(([, part]) =>
    Array.isArray(part) ? part.length > 0 : part !== null,
  )
  const whole = {
    ...{ stream, batch, actor_kind, actor_id, trace_id, inserts, commits, ...common, is_own: isOwn },
    kinds: kinds.list,
    results: results.size > 0 ? [...results.values()] : undefined,
    holes: holes.open.length + holes.close.length > 0 ? holes : undefined,
    beside: beside.length > 0 ? Object.fromEntries(beside) : undefined,
  }
  return [
    JSON.stringify(whole),
    ...keyArrays(rests_on),
    intArray(rests_on.map(({ version }) => version)),
    intArray(kindOf),
    intArray(changes.map(({ ordinal }) => ordinal)),
    uuidArray(changes.map(({ record_id }) => record_id)),
    uuidArray(changes.map(({ op_id }) => op_id)),
    bigintArray(changes.map(({ seq }) => seq)),
    intArray(changes.map(({ before_version }) => before_version)),
    intArray(changes.map(({ after_version }) => after_version)),
    jsonbArray(changes.map(({ data }) => data && JSON.stringify(data))),
    textArray(changes.map(({ checksum }) => checksum)),
    textArray(changes.map(({ hlc }) => hlc)),
    jsonbArray(changes.map(({ vector }) => JSON.stringify(vector))),
    hexArray(hashBytes, hashes),
    loadedIn ?? null,
  ]
}

/** Of SHA-256. */
const hashBytes = 32

/** What changes may have in common, said once: most batches have two or three kinds of them. */
class Kinds {
  readonly list: object[] = []
  readonly #common: Common
  readonly #isOwn: boolean
  readonly #places = new Map<string, number>()

  constructor(common: Common, isOwn: boolean) {
    this.#common = common
    this.#isOwn = isOwn
  }

  /** @returns its place in the list, from 1 */
  of(change: FeedChangeRow): number {
    const { final, scope, table, operation, effect, outcome, rule, lost, conflict_id, dead_letter_id } =
      change
    const device_id = this.#isOwn ? null : change.device_id
    // Names may hold anything; the others are words and ids.
    const names =
      scope === this.#common.scope && table === this.#common.table ? '' : JSON.stringify([scope, table])
    const id = `${final} ${operation} ${effect} ${outcome} ${conflict_id} ${dead_letter_id} ${device_id} ${JSON.stringify(rule)} ${names}`
    const known = lost === null ? this.#places.get(id) : undefined
    if (known !== undefined) return known
    this.list.push({
      final: final ?? undefined,
      scope: scope === this.#common.scope ? undefined : scope,
      table: table === this.#common.table ? undefined : table,
      ...{ operation, effect, outcome, rule, lost: lost ?? undefined },
      conflict_id: conflict_id ?? undefined,
      dead_letter_id: dead_letter_id ?? undefined,
      device_id: device_id ?? undefined,
    })
    if (lost === null) this.#places.set(id, this.list.length)
    return this.list.length
  }
}

type Common = { scope: string | undefined; table: string | undefined }

function shortKey({ scope, table, id }: RecordKey, common: Common) {
  return {
    id,
    scope: scope === common.scope ? undefined : scope,
    table: table === common.table ? undefined : table,
  }
}

/** Whether push_commit can make the result of an operation from the change that came of it: applied just as it was sent. */
function isPlainResult(change: FeedChangeRow, result: OpResultRow): boolean {
  return (
    result.kind === 'accepted' &&
    result.seq === change.seq &&
    result.scope === change.scope &&
    result.table === change.table &&
    result.record_id === change.record_id &&
    result.version === change.after_version &&
    result.stands_on === change.after_version &&
    result.pushed === null &&
    result.answer === plainAnswer(change)
  )
}

/** The same text as push_commit makes. */
function plainAnswer({ op_id, record_id, after_version, checksum }: FeedChangeRow): string {
  return `{"op_id":"${op_id}","record_id":"${record_id}","version":${after_version},"outcome":"applied","data":null,"checksum":"${checksum}"}`
}
