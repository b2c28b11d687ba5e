import { v7 as uuidv7 } from 'uuid'
import { admit } from '#lib/core/admit.ts'
import { decide, type Base, type Decision, type Refusal } from '#lib/core/decide.ts'
import { formatHlc, hlcNode, parseHlc, tickHlc } from '#lib/core/hlc.ts'
import { jsonEqual, type JsonObject } from '#lib/core/json.ts'
import type { Place } from '#lib/core/stream.ts'
import { joinVectors } from '#lib/core/vector.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import {
  rejectionCodes,
  type Accepted,
  type Change,
  type Conflicted,
  type Outcome,
  type Rejected,
  type RejectionCode,
} from '#lib/protocol/sync.ts'
import type { KnownPolicy } from '../tables/policy-cache.ts'
import { validateRecord } from '../tables/validate.ts'
import { deadLetterRow } from './dead-letter-row.ts'
import { raiseChange } from './raise-change.ts'
import { sha256Hex, type ReadChange } from './read-changes.ts'
import { RecordStates, type RecordNow } from './record-states.ts'
import type {
  AnswerKind,
  ConflictRow,
  DeadLetterRow,
  FeedChangeRow,
  Hole,
  Loaded,
  OpResultRow,
  RecordKey,
  SeenOperation,
} from './store.ts'

/** An answer as the device gets it: its text is kept, so that the same operation gets the same bytes for ever. */
export type Answer = {
  index: number
  kind: AnswerKind
  text: string
  table: string | null
  strategy: string | null
  outcome: Outcome | 'conflict' | 'rejected'
  code: string | null
  replayed: boolean
}

/** Everything that deciding a batch rests on beside the database. */
export type BatchContext = {
  deviceId: string | null
  incarnation: string | null
  granted: (scope: string) => boolean
  schemaVersion: number
  nowMillis: number
  policies: (table: string) => KnownPolicy | null
  /** Annotations of the change a person or a replay makes. */
  conflictId?: string | null
  deadLetterId?: string | null
  /** A person's resolution is written as it is. */
  exact?: boolean
}

export type DecidedBatch = {
  answers: Answer[]
  changes: FeedChangeRow[]
  results: OpResultRow[]
  conflicts: ConflictRow[]
  deadLetters: DeadLetterRow[]
  holes: { open: Hole[]; close: number[] }
  restsOn: (RecordKey & { version: number })[]
}

/** A retryable operation that failed this often is dead-lettered. */
export const maxAttempts = 5

/** The record an operation is about: where it moves between scopes, the one it leaves. */
export function keyOfChange(change: Change): RecordKey {
  return { scope: change.from_scope ?? change.scope, table: change.table, id: change.record_id }
}

/** Decides the operations of a batch one after the other, each on what the ones before it left. Touches nothing. */
export function decideBatch(
  read: readonly ReadChange[],
  placement: { order: readonly number[]; places: ReadonlyMap<number, Place> },
  loaded: Loaded,
  context: BatchContext,
): DecidedBatch {
  const batch = new BatchDecision(read, loaded, context)
  for (const index of placement.order) batch.take(read[index]!, placement.places.get(index)!)
  return batch.finish()
}

class BatchDecision {
  readonly #context: BatchContext
  readonly #states: RecordStates
  readonly #seen: Map<string, SeenOperation>
  readonly #openConflicts: Map<string, string>
  readonly #holes: Map<number, Hole>
  readonly #touchedHoles = new Map<number, Hole | null>()
  readonly #answers = new Map<number, Answer>()
  readonly #changes: FeedChangeRow[] = []
  readonly #results: OpResultRow[] = []
  readonly #conflicts = new Map<string, ConflictRow>()
  readonly #deadLetters = new Map<string, DeadLetterRow>()

  constructor(read: readonly ReadChange[], loaded: Loaded, context: BatchContext) {
    this.#context = context
    const keys = read.flatMap(({ change }) =>
      change ? [keyOfChange(change), { ...keyOfChange(change), scope: change.scope }] : [],
    )
    this.#states = new RecordStates(loaded, keys)
    this.#seen = new Map((loaded.seen ?? []).map((seen) => [seen.op_id, seen]))
    this.#holes = new Map((loaded.holes ?? []).map((hole) => [hole.seq, hole]))
    this.#openConflicts = new Map(
      (loaded.open_conflicts ?? []).map(({ id, scope, table, record_id }) => [
        [scope, table, record_id].join('\n'),
        id,
      ]),
    )
  }

  take(read: ReadChange, place: Place): void {
    switch (place.kind) {
      case 'replay': {
        const { kind, answer } = this.#seen.get(place.opId)!
        this.#answer(read, kind, answer, { replayed: true })
        return
      }
      case 'repeat': {
        const first = this.#answers.get(place.of)!
        this.#answers.set(read.index, { ...first, index: read.index, replayed: true })
        return
      }
      case 'misplaced': {
        const refusal = read.fault ?? { code: 'invalid_change', detail: place.detail }
        if (place.seq !== null) this.#openHole(place.seq, { ...emptyHole, op_id: null })
        this.#reject(read, refusal, null)
        return
      }
      case 'fresh':
      case 'retry':
        this.#decide(read, place.seq)
    }
  }

  finish(): DecidedBatch {
    const touched = [...this.#touchedHoles]
    return {
      answers: [...this.#answers.values()].toSorted((a, b) => a.index - b.index),
      changes: this.#changes,
      results: this.#results,
      conflicts: [...this.#conflicts.values()],
      deadLetters: [...this.#deadLetters.values()],
      holes: {
        open: touched.flatMap(([, hole]) => (hole ? [hole] : [])),
        close: touched.flatMap(([seq, hole]) => (hole ? [] : [seq])),
      },
      restsOn: this.#states.restsOn(),
    }
  }

  #decide(read: ReadChange, seq: number): void {
    const { change } = read
    if (!change) return this.#reject(read, read.fault, seq)

    const policy = this.#context.policies(change.table)
    const refusal =
      admit(change, {
        knownTable: policy !== null,
        granted: this.#context.granted,
        checksum: read.checksum,
        nowMillis: this.#context.nowMillis,
      }) ?? this.#dependency(change, seq)
    if (refusal || !policy) return this.#reject(read, refusal!, seq)

    const raised = raiseChange(read, change, this.#context.schemaVersion, policy)
    switch (raised.kind) {
      case 'unsupported':
        return this.#reject(read, raised.refusal, seq)
      case 'raised':
        return this.#decideValid(raised.read, raised.change, seq, policy, true)
      case 'as_sent':
        return this.#decideValid(read, change, seq, policy, false)
    }
  }

  #decideValid(read: ReadChange, change: Change, seq: number, policy: KnownPolicy, isRaised: boolean): void {
    const key = keyOfChange(change)
    const current = this.#states.current(key)
    const base = this.#states.base(key, change.base_version, change.base_op_id)
    const decision = this.#decideOne(change, base, current, policy)
    this.#closeHole(seq)
    this.#settle({ read, change, seq, key, base, current, policy, decision, isRaised })
  }

  #decideOne(
    change: Change,
    base: Base,
    current: RecordNow | undefined,
    policy: KnownPolicy,
  ): Decision<RejectionCode> {
    const edit = {
      operation: change.operation,
      data: change.data ?? null,
      hlc: change.hlc,
      deviceId: this.#context.deviceId,
    }
    if (change.from_scope !== undefined && change.from_scope !== change.scope) {
      const there = this.#states.current({ ...keyOfChange(change), scope: change.scope })
      if (there && there.data !== null) {
        const detail = `Scope "${change.scope}" already has a record with this id.`
        return { kind: 'reject', refusal: { code: 'invalid_change', detail } }
      }
    }
    const validate = (data: JsonObject, previous: JsonObject | null) => validateRecord(policy, data, previous)
    if (!this.#context.exact) return decide<RejectionCode>(edit, base, current, policy, { validate })
    const refusal = edit.data && validate(edit.data, current?.data ?? null)
    return refusal
      ? { kind: 'reject', refusal }
      : { kind: 'write', outcome: 'applied', data: edit.data, lost: [] }
  }

  /** An operation waits where an earlier one of the same record or saga is still open. */
  #dependency(change: Change, seq: number): Refusal<'dependency_pending'> | null {
    for (const hole of this.#holes.values()) {
      if (hole.seq >= seq) continue
      const sameRecord =
        hole.record_id === change.record_id && hole.table === change.table && hole.scope === change.scope
      const sameSaga = hole.saga_id !== null && hole.saga_id === change.saga?.id
      if (sameRecord || sameSaga) {
        const what = sameRecord ? 'record' : 'saga'
        return {
          code: 'dependency_pending',
          detail: `Operation ${hole.seq} on the same ${what} must be answered first.`,
        }
      }
    }
    return null
  }

  #settle(settled: Settled): void {
    const { read, change, base, current, policy, decision } = settled
    switch (decision.kind) {
      case 'reject':
        return this.#reject(read, decision.refusal, settled.seq, base)
      case 'no_change': {
        // The record may hold more than was sent, of others' making: the device is told, and what it makes on top of
        // its own edit still counts as made on what it saw.
        const asSent = jsonEqual(current!.data, change.data ?? null)
        const accepted = { outcome: 'no_change' as const, data: asSent ? null : current!.data, now: current! }
        const pushed = { data: change.data ?? null }
        const standsOn = asSent ? current!.version : null
        this.#states.pushed(change.op_id, { ...pushed, standsOn })
        const kept = { version: current!.version, pushed: asSent ? null : pushed, standsOn }
        return this.#accept(settled, accepted, kept)
      }
      case 'superseded': {
        this.#event(settled, { effect: 'NONE', outcome: 'superseded', lost: decision.lost })
        const kept = this.#keepPushed(change, base, current!.version)
        return this.#accept(settled, { outcome: 'superseded', data: current!.data, now: current! }, kept)
      }
      case 'write':
        return this.#write(settled, decision)
      case 'conflict': {
        const conflictId = decision.code === 'manual' ? this.#openConflict(settled, decision.fields) : null
        this.#event(settled, {
          effect: 'NONE',
          outcome: decision.code === 'manual' ? 'conflict' : 'stale_version',
          lost: [{ path: '', value: change.data ?? null, from: 'client', hlc: change.hlc }],
          conflict_id: conflictId,
        })
        const entry: Conflicted = {
          op_id: change.op_id,
          record_id: change.record_id,
          conflict_id: conflictId,
          code: decision.code,
          fields: decision.fields,
          server_version: current!.version,
          server_data: current!.data,
          base_data: base.data ?? null,
        }
        const kept = this.#keepPushed(change, base, current!.version)
        return this.#result(settled, 'conflict', entry, kept, {
          strategy: policy.strategy,
          code: decision.code,
        })
      }
    }
  }

  #write(settled: Settled, decision: Decision<string> & { kind: 'write' }): void {
    const { change, key, current, seq } = settled
    const { data, outcome, lost } = decision
    const moves = change.scope !== key.scope
    const there = moves ? this.#states.current({ ...key, scope: change.scope }) : undefined
    const now: RecordNow = {
      version: Math.max(current?.version ?? 0, there?.version ?? 0) + 1,
      data,
      hlc: current ? stampAfter(change.hlc, current.hlc) : change.hlc,
      deviceId: this.#context.deviceId,
      checksum: outcome === 'applied' ? settled.read.checksum : recordChecksum(data, sha256Hex),
      vector: joinVectors(
        joinVectors(current?.vector ?? {}, change.vector ?? {}),
        this.#context.deviceId && seq > 0 ? { [this.#context.deviceId]: seq } : {},
      ),
    }
    if (moves) {
      const left = { ...now, data: null, checksum: recordChecksum(null, sha256Hex) }
      const event = this.#event(settled, { effect: 'LEAVE', outcome, now: left })
      this.#states.write(key, left, event)
    }
    const target = { ...key, scope: change.scope }
    const event = this.#event(settled, {
      effect: data === null ? 'DELETE' : 'UPSERT',
      outcome,
      now,
      lost: lost.length > 0 ? lost : null,
      scope: change.scope,
    })
    this.#states.write(target, now, event)
    const merged = !jsonEqual(data, change.data ?? null)
    this.#states.pushed(change.op_id, { data: change.data ?? null, standsOn: merged ? null : now.version })
    this.#accept(
      settled,
      { outcome, data: outcome === 'merged' ? data : null, now },
      {
        version: now.version,
        pushed: merged ? { data: change.data ?? null } : null,
        standsOn: merged ? null : now.version,
      },
    )
  }

  /** What is kept of an operation that left the record alone: its state, for the edits made on top of it. */
  #keepPushed(change: Change, base: Base, version: number | null): Kept {
    this.#states.pushed(change.op_id, { data: change.data ?? null, standsOn: base.standsOn })
    return { version, pushed: { data: change.data ?? null }, standsOn: base.standsOn }
  }

  #event(settled: Settled, event: EventFields): FeedChangeRow {
    const { change, key, current, policy, seq } = settled
    const version = current?.version ?? 0
    const row: FeedChangeRow = {
      final: null,
      scope: event.scope ?? key.scope,
      ordinal: this.#changes.length,
      table: key.table,
      record_id: key.id,
      operation: change.operation,
      effect: event.effect,
      op_id: change.op_id,
      seq: this.#context.deviceId ? seq : null,
      outcome: event.outcome,
      before_version: version,
      after_version: event.now?.version ?? version,
      data: event.now?.data ?? null,
      checksum: event.now?.checksum ?? settled.read.checksum,
      hlc: event.now?.hlc ?? change.hlc,
      vector: event.now?.vector ?? change.vector ?? {},
      rule: { strategy: policy.strategy, policy_version: policy.version },
      lost: event.lost ?? null,
      conflict_id: event.conflict_id ?? this.#context.conflictId ?? null,
      dead_letter_id: this.#context.deadLetterId ?? null,
      device_id: this.#context.deviceId,
      size_bytes: settled.read.sizeBytes,
    }
    this.#changes.push(row)
    return row
  }

  /** One open conflict for a device's version of a record: a later edit of the same version goes on with it. */
  #openConflict({ change, key, base, current, policy }: Settled, fields: string[]): string {
    const place = [key.scope, key.table, key.id].join('\n')
    const open = this.#openConflicts.get(place)
    const begun = open ? this.#conflicts.get(open) : undefined
    const id = open ?? uuidv7()
    this.#openConflicts.set(place, id)
    this.#conflicts.set(id, {
      id,
      code: 'manual',
      ...{ scope: key.scope, table: key.table, record_id: key.id },
      device_id: this.#context.deviceId,
      op_id: begun?.op_id ?? change.op_id,
      later_op_ids: begun ? [...begun.later_op_ids, change.op_id] : [],
      operation: change.operation,
      fields: [...new Set([...(begun?.fields ?? []), ...fields])],
      base_version: begun?.base_version ?? change.base_version,
      base_data: begun ? begun.base_data : (base.data ?? null),
      client_data: change.data ?? null,
      client_hlc: change.hlc,
      client_vector: change.vector ?? {},
      server_version: current!.version,
      server_data: current!.data,
      server_hlc: current!.hlc,
      server_vector: current!.vector,
      server_device_id: current!.deviceId,
      strategy: policy.strategy,
    })
    return id
  }

  #accept(
    settled: Settled,
    accepted: { outcome: Outcome; data: JsonObject | null; now: RecordNow },
    kept: Kept,
  ): void {
    const { change, policy } = settled
    // What the device has is of an older schema: it takes the server's state in its place.
    if (settled.isRaised && accepted.data === null && accepted.now.data !== null) {
      return this.#accept(settled, { ...accepted, outcome: 'merged', data: accepted.now.data }, kept)
    }
    const entry: Accepted = {
      op_id: change.op_id,
      record_id: change.record_id,
      version: accepted.now.version,
      outcome: accepted.outcome,
      data: accepted.data,
      checksum: accepted.now.checksum,
    }
    this.#result(settled, 'accepted', entry, kept, { strategy: policy.strategy, outcome: accepted.outcome })
  }

  #result(
    { read, change, seq }: Settled,
    kind: AnswerKind,
    entry: Accepted | Conflicted,
    kept: Kept,
    facts: Partial<Answer>,
  ): void {
    const answer = JSON.stringify(entry)
    this.#answer(read, kind, answer, facts)
    this.#results.push({
      ...{ seq, op_id: change.op_id, hash: read.hash, kind, answer },
      ...{ scope: change.scope, table: change.table, record_id: change.record_id },
      ...{ version: kept.version, pushed: kept.pushed, stands_on: kept.standsOn },
    })
  }

  /** Refuses for now (a hole, to be repaired) or for good (a dead letter). `seq` null: the operation takes no place. */
  #reject(
    read: ReadChange,
    refusal: Refusal<RejectionCode> | Refusal<string>,
    seq: number | null,
    base?: Base,
  ): void {
    const { opId, change } = read
    const code = refusal.code as RejectionCode
    const attempts =
      (seq === null ? 0 : (this.#holes.get(seq)?.attempts ?? 0)) + (code === 'dependency_pending' ? 0 : 1)
    const { retryable } = rejectionCodes[code]
    const entry: Rejected = { op_id: opId, code, detail: refusal.detail, retryable }
    if (opId === null) entry.index = read.index
    if (refusal.errors) entry.errors = refusal.errors

    if (retryable && seq !== null && change && attempts < maxAttempts) {
      if (code === 'clock_skew') entry.server_time = new Date(this.#context.nowMillis).toISOString()
      const { table, scope, record_id } = change
      this.#openHole(seq, {
        op_id: opId,
        table,
        scope,
        record_id,
        saga_id: change.saga?.id ?? null,
        code,
        attempts,
      })
      this.#answer(read, 'rejected', JSON.stringify(entry), { code })
      return
    }
    const final: Refusal<RejectionCode> = retryable
      ? { code: 'retries_exceeded', detail: `${code} ${attempts} times. Last: ${refusal.detail}` }
      : { ...refusal, code }
    const row = deadLetterRow({
      ...{ source: 'server', deviceId: this.#context.deviceId, incarnation: this.#context.incarnation },
      ...{ seq, opId, raw: read.raw, refusal: final, schemaVersion: this.#context.schemaVersion, attempts },
    })
    this.#deadLetters.set(row.id, row)
    const text = JSON.stringify({
      ...entry,
      code: final.code,
      detail: final.detail,
      retryable: false,
      dead_letter_id: row.id,
    })
    this.#answer(read, 'rejected', text, { code: final.code })
    if (seq === null || opId === null) return
    this.#closeHole(seq)
    const kept = change
      ? this.#keepPushed(change, base ?? { data: undefined, standsOn: change.base_version }, null)
      : null
    this.#results.push({
      ...{ seq, op_id: opId, hash: read.hash, kind: 'rejected', answer: text },
      ...{ scope: change?.scope ?? null, table: change?.table ?? null, record_id: change?.record_id ?? null },
      ...{ version: null, pushed: kept?.pushed ?? null, stands_on: kept?.standsOn ?? null },
    })
  }

  #answer({ index, change }: ReadChange, kind: AnswerKind, text: string, facts: Partial<Answer>): void {
    const outcome = kind === 'accepted' ? 'applied' : kind === 'conflict' ? 'conflict' : 'rejected'
    const table = change?.table ?? null
    this.#answers.set(index, {
      index,
      kind,
      text,
      table,
      strategy: null,
      outcome,
      code: null,
      replayed: false,
      ...facts,
    })
  }

  #openHole(seq: number, hole: Omit<Hole, 'seq'>): void {
    this.#holes.set(seq, { ...hole, seq })
    this.#touchedHoles.set(seq, { ...hole, seq })
  }

  #closeHole(seq: number): void {
    if (this.#holes.delete(seq)) this.#touchedHoles.set(seq, null)
  }
}

type Settled = {
  read: ReadChange
  change: Change
  seq: number
  key: RecordKey
  base: Base
  current: RecordNow | undefined
  policy: KnownPolicy
  decision: Decision<RejectionCode>
  /** The change's data was brought up from an older schema. */
  isRaised: boolean
}

type Kept = { version: number | null; pushed: { data: JsonObject | null } | null; standsOn: number | null }

type EventFields = Pick<FeedChangeRow, 'effect' | 'outcome'> & {
  now?: RecordNow
  lost?: FeedChangeRow['lost']
  conflict_id?: string | null
  scope?: string
}

const emptyHole = {
  table: null,
  scope: null,
  record_id: null,
  saga_id: null,
  code: 'invalid_change',
  attempts: 0,
}

/**
 * The stamp of a write that follows another: its own, unless a slow clock put it behind what it was made on. Then it is
 * moved just after, so that the order of stamps never contradicts the order of cause and effect.
 */
function stampAfter(own: string, before: string): string {
  if (own > before) return own
  const clock = parseHlc(before)
  const node = parseHlc(own)?.node ?? hlcNode('00000000-0000-0000-0000-000000000000')
  return clock ? formatHlc(tickHlc({ ...clock, node }, 0)) : own
}
