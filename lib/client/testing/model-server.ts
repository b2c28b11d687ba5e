import { parseHlc } from '#lib/core/hlc.ts'
import { jsonEqual, type Json, type JsonObject } from '#lib/core/json.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import { contentHash } from '#lib/protocol/confirm.ts'
import { changeSchema, syncRequestSchema, type Change, type ServerChange } from '#lib/protocol/sync.ts'
import type { Transport, TransportReply, TransportRequest } from '../ports.ts'
import {
  acceptance,
  change,
  content,
  isState,
  letterId,
  rejection,
  rowKey,
  sha256Hex,
  type Reply,
  type Row,
  type Stream,
} from './model-answers.ts'
import { unconfirmed } from './model-confirm.ts'
import { decideMerge } from './model-merge.ts'
import { digestReply, feedPage, snapshotPage } from './model-feed.ts'
import { ok, refusal, withFault, type Fault } from './faults.ts'

type Strategy = 'lww' | 'fww' | 'manual' | 'crdt'

/** Everything a backup of the server's database would hold. */
type Backup = Pick<
  ModelServer,
  'rows' | 'feed' | 'deadLetters' | 'conflicts' | 'epoch' | 'minPosition' | 'chain'
> &
  Pick<ModelServer, 'byOp' | 'hashes' | 'pushedBy'> & { streams: Map<string, Stream> }

/**
 * A server as small as the protocol allows: seqs, holes, forks, stable replies, a feed with tokens,
 * snapshots, four strategies. It is the other side in the device library's own tests, and keeps
 * count of what happened so that they can look.
 */
export class ModelServer {
  rows = new Map<string, Row>()
  feed: ServerChange[] = []
  readonly effects: string[] = []
  readonly requests: {
    path: string
    headers: Readonly<Record<string, string>>
    body: Record<string, Json>
  }[] = []
  deadLetters: string[] = []
  readonly reportedDeadLetters: string[] = []
  conflicts = new Map<string, { key: string; change: Change }>()
  readonly faults: Fault[] = []
  /** Answers to give instead of deciding, by record id; used once each. `unreadable`: the name was damaged. */
  readonly refusals = new Map<string, { shift: () => { code: string; retryable: boolean } | undefined }>()
  strategies: Record<string, Strategy> = {}
  priorities: Record<string, 'critical' | 'normal' | 'bulk'> = {}
  nowMs: () => number
  pageSize = 1000
  snapshotPage = 1000
  chunkChanges = 100
  epoch = 'epoch-1'
  maxSkewMs = 300_000
  maxBodyLength = Infinity
  /** Feed positions below this are compacted away. */
  minPosition = 0
  /** What tells one history from another: a name for each commit of the feed, never given twice. */
  chain: string[] = []
  wasRestored = false
  /** Says what it knows of what it is asked; one of before does not. */
  confirms = true
  private commits = 0
  private readonly revoked = new Set<string>()
  private readonly contents = new Map<string, string>()
  private readonly everApplied = new Set<string>()
  private streams = new Map<string, Stream>()
  byOp = new Map<string, Reply>()
  hashes = new Map<string, string>()
  pushedBy = new Map<string, JsonObject | null>()
  private grants = new Map<string, string[]>()

  constructor(nowMs: () => number) {
    this.nowMs = nowMs
  }

  /** The line to this server, with the faults in it that the test has queued. */
  transport(): Transport {
    return { send: (request) => withFault(this.faults.shift(), () => this.handle(request)) }
  }

  /** Somebody else's write. */
  write(
    table: string,
    id: string,
    data: JsonObject | null,
    scope = 'default',
    conflictId: string | null = null,
  ): void {
    const row = this.rows.get(rowKey(scope, table, id))
    this.commit(
      { scope, table, record_id: id, data, hlc: `${'0'.repeat(12)}-0000-${'0'.repeat(16)}` },
      'someone',
      row,
      conflictId,
    )
  }

  /** A person settles a conflict. */
  resolve(conflictId: string, data: JsonObject | null): void {
    const conflict = this.conflicts.get(conflictId)
    if (!conflict) throw new Error(`no conflict ${conflictId}`)
    this.write(conflict.change.table, conflict.change.record_id, data, conflict.change.scope, conflictId)
  }

  /** A record is taken out of what the device may see. */
  leave(table: string, id: string, scope = 'default'): void {
    const { version } = this.state(table, id, scope) ?? { version: 0 }
    const gone: Row = { version: version + 1, data: null, hlc: '', writer: '' }
    const entry = change('LEAVE', { scope, table, record_id: id }, gone, null)
    // The checksum is the record's, as the product has it; the data stays behind.
    this.publish({ ...entry, checksum: sha256Hex('what the record holds') })
  }

  /** Operations that took effect once, and are not known any more. */
  forgotten(): string[] {
    return [...this.everApplied].filter((opId) => !this.byOp.has(opId))
  }

  backup(): Backup {
    const { rows, feed, deadLetters, conflicts, epoch, minPosition, chain } = this
    const { streams, byOp, hashes, pushedBy } = this
    const seen = { rows, feed, deadLetters, conflicts, epoch, minPosition, chain }
    return structuredClone({ ...seen, streams, byOp, hashes, pushedBy })
  }

  /** The database is put back to what it was; what happened since is gone, and nobody is told. */
  restore(backup: Backup): void {
    Object.assign(this, structuredClone(backup))
    this.wasRestored = true
    // What took effect and was lost may take effect again.
    const kept = new Set(this.byOp.keys())
    this.effects.splice(0, this.effects.length, ...this.effects.filter((opId) => kept.has(opId)))
  }

  /** The scope is taken from the devices: its records leave, and what they push there is refused. */
  revoke(scope: string): void {
    this.revoked.add(scope)
    for (const key of this.rows.keys()) {
      const [of, table, id] = JSON.parse(key)
      if (of === scope) this.leave(table, id, scope)
    }
  }

  /** The scope is given back: its live records come again. */
  grant(scope: string): void {
    this.revoked.delete(scope)
    for (const [key, row] of this.rows) {
      const [of, table, record_id] = JSON.parse(key)
      if (of === scope && row.data) this.publish(change('UPSERT', { scope, table, record_id }, row, null))
    }
  }

  state(table: string, id: string, scope = 'default'): Row | undefined {
    return this.rows.get(rowKey(scope, table, id))
  }

  private handle(request: TransportRequest): TransportReply {
    const body = request.body === null ? {} : JSON.parse(request.body)
    this.requests.push({ path: request.path, headers: request.headers, body })
    if (request.path === '/api/v1/enroll') return this.enroll(body)
    if (!request.headers['authorization']) return refusal({ status: 401, code: 'unauthenticated' })
    if ((request.body?.length ?? 0) > this.maxBodyLength)
      return refusal({ status: 413, code: 'payload_too_large' })
    if (request.path === '/api/v1/digest') return ok(digestReply(this, body))
    if (request.path.startsWith('/api/v1/snapshot')) return ok(snapshotPage(this, request.path))
    return this.sync(body)
  }

  private enroll(body: { device_id: string; scopes: string[] }): TransportReply {
    this.grants.set(body.device_id, body.scopes)
    return ok({
      device_token: `token-${body.device_id}`,
      scopes: body.scopes,
      epoch: this.epoch,
      server_time: new Date(this.nowMs()).toISOString(),
      limits: { chunk_changes: this.chunkChanges, chunk_bytes: 100_000, max_record_bytes: 50_000 },
      tables: Object.entries(this.priorities).map(([name, priority]) => ({
        name,
        ...{ strategy: this.strategies[name] ?? 'lww', priority, schema_version: 1 },
      })),
    })
  }

  private sync(raw: unknown): TransportReply {
    const request = syncRequestSchema.parse(raw)
    const streamKey = `${request.device_id}/${request.incarnation}`
    const stream: Stream = this.streams.get(streamKey) ?? {
      lastSeq: 0,
      holes: new Map(),
      answered: new Map(),
    }
    const changes = request.changes.map((each) => changeSchema.parse(each))
    let next = stream.lastSeq + 1
    for (const each of changes) {
      const seen = stream.answered.get(each.seq)
      if (seen && seen.content !== content(each)) return refusal({ status: 409, code: 'device_forked' })
      if (each.seq > next) return refusal({ status: 409, code: 'seq_gap', expected_seq: next })
      if (each.seq === next) next += 1
    }
    this.streams.set(streamKey, stream)
    const unknown = this.confirms ? unconfirmed(request.confirm, this) : {}
    for (const letter of request.dead_letters as { op_id: string; change: { seq: number } }[]) {
      this.reportedDeadLetters.push(letter.op_id)
      stream.holes.delete(letter.change.seq)
    }

    const replies = { accepted: [] as Json[], conflicts: [] as Json[], rejected: [] as Json[] }
    const isKnown = (each: Change) =>
      this.byOp.has(each.op_id) && this.contents.get(each.op_id) === content(each)
    const repeated = changes.filter(isKnown).length
    const held = new Set<string>()
    for (const each of changes) {
      const reply = this.answer(stream, each, request.device_id, held, changes.indexOf(each))
      replies[reply.kind].push(reply.value as Json)
      stream.lastSeq = Math.max(stream.lastSeq, each.seq)
    }
    const page = feedPage(this, request.last_sync_token ?? null)
    return ok({ ...replies, repeated, ...unknown, ...page, server_time: this.time() })
  }

  private answer(stream: Stream, each: Change, deviceId: string, held: Set<string>, index: number): Reply {
    const known = stream.answered.get(each.seq)?.reply ?? this.byOp.get(each.op_id)
    const first = this.contents.get(each.op_id)
    if (known && first !== undefined && first !== content(each)) {
      stream.holes.set(each.seq, 1)
      const { kind, value } = this.bury(each, 'invalid_change')
      return { kind, value: { ...value, errors: [{ pointer: '/op_id', detail: 'was answered otherwise' }] } }
    }
    const settle = (reply: Reply) => {
      stream.answered.set(each.seq, { content: content(each), reply })
      stream.holes.delete(each.seq)
      this.byOp.set(each.op_id, reply)
      this.hashes.set(each.op_id, contentHash(each, sha256Hex))
      this.contents.set(each.op_id, content(each))
      if (reply.value['outcome'] === 'applied') this.everApplied.add(each.op_id)
      return reply
    }
    if (known) return settle(known)
    if (each.seq <= stream.lastSeq && !stream.holes.has(each.seq))
      throw new Error(`seq ${each.seq} was given before and is no hole`)

    const key = rowKey(each.scope, each.table, each.record_id)
    const hold = (code: string, extra: Record<string, Json> = {}): Reply => {
      const attempts = (stream.holes.get(each.seq) ?? 0) + 1
      stream.holes.set(each.seq, attempts)
      held.add(key)
      return rejection(each, code, true, extra)
    }
    if (held.has(key)) return hold('dependency_pending')
    if (this.revoked.has(each.scope)) return settle(this.bury(each, 'scope_forbidden'))
    const refusals = this.refusals.get(each.record_id)
    const planned = refusals?.shift()
    if (planned?.code === 'unreadable') {
      stream.holes.set(each.seq, 0)
      return { kind: 'rejected', value: { op_id: null, index, code: 'invalid_change', retryable: false } }
    }
    if (planned?.retryable) return hold(planned.code)
    if (planned) return settle(this.bury(each, planned.code))
    if (recordChecksum(each.data ?? null, sha256Hex) !== each.checksum) return hold('checksum_mismatch')
    const stamp = parseHlc(each.hlc)
    if (stamp && stamp.millis > this.nowMs() + this.maxSkewMs)
      return hold('clock_skew', { server_time: this.time() })
    return settle(this.decide(each, deviceId, key))
  }

  private decide(each: Change, deviceId: string, key: string): Reply {
    const current = this.rows.get(key)
    const data = each.data ?? null
    this.pushedBy.set(each.op_id, data)
    if (this.strategies[each.table] === 'crdt') return this.merge(each, deviceId, current)
    if (!current && each.operation !== 'CREATE') return this.bury(each, 'unknown_base')
    const isNext =
      !current ||
      (current.version === each.base_version && isState(current, each.base_checksum)) ||
      (each.operation === 'CREATE' && current.data === null) ||
      current.writer === each.base_op_id
    if (!isNext && jsonEqual(current.data, data)) return acceptance(each, 'no_change', current, null)
    if (isNext) {
      const row = this.commit({ ...each, data }, each.op_id, current, null, deviceId)
      return acceptance(each, 'applied', row, null)
    }
    const strategy = this.strategies[each.table] ?? 'lww'
    if (strategy === 'lww') {
      if (each.hlc <= current.hlc) return acceptance(each, 'superseded', current, current.data)
      const row = this.commit({ ...each, data }, each.op_id, current, null, deviceId)
      return acceptance(each, 'applied', row, null)
    }
    const conflictId = strategy === 'manual' ? `conflict-${each.op_id}` : null
    if (conflictId) this.conflicts.set(conflictId, { key, change: each })
    return {
      kind: 'conflicts',
      value: {
        op_id: each.op_id,
        record_id: each.record_id,
        conflict_id: conflictId,
        code: strategy === 'manual' ? 'manual' : 'stale_version',
        fields: Object.keys(data ?? {}),
        server_version: current.version,
        server_data: current.data,
        base_data: null,
      },
    }
  }

  private merge(each: Change, deviceId: string, current: Row | undefined): Reply {
    const decision = decideMerge(each, { deviceId, current }, this)
    if (decision.kind === 'reject') return this.bury(each, decision.refusal.code)
    if (decision.kind !== 'write') return acceptance(each, decision.kind, current!, current!.data)
    const row = this.commit({ ...each, data: decision.data }, each.op_id, current, null, deviceId)
    return acceptance(each, decision.outcome, row, row.data)
  }

  private bury(each: Change, code: string): Reply {
    const id = letterId(each)
    if (!this.deadLetters.includes(id)) this.deadLetters.push(id)
    return rejection(each, code, false, { dead_letter_id: id })
  }

  private commit(
    to: { scope: string; table: string; record_id: string; data: JsonObject | null; hlc: string },
    writer: string,
    before: Row | undefined,
    conflictId: string | null,
    deviceId = 'someone',
  ): Row {
    const row: Row = { version: (before?.version ?? 0) + 1, data: to.data, hlc: to.hlc, writer }
    this.rows.set(rowKey(to.scope, to.table, to.record_id), row)
    if (deviceId !== 'someone') this.effects.push(writer)
    this.publish(change(to.data === null ? 'DELETE' : 'UPSERT', to, row, conflictId))
    return row
  }

  private publish(entry: ServerChange): void {
    this.commits += 1
    this.feed.push(entry)
    this.chain.push(`commit-${this.commits}`)
  }

  private time(): string {
    return new Date(this.nowMs()).toISOString()
  }
}
