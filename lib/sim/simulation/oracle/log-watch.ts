import { maxSkewMs } from '#lib/core/admit.ts'
import { parseHlc } from '#lib/core/hlc.ts'
import { jsonEqual } from '#lib/core/json.ts'
import { feedDigest } from '#lib/server/sync/digest.ts'
import type { Change } from '#lib/protocol/sync.ts'
import { feedLink } from '../../model/push-commit.ts'
import {
  keyOf,
  recordKey,
  type ChangeRow,
  type CheckpointRow,
  type CommitRow,
  type ResultRow,
  type Tables,
} from '../../model/tables.ts'
import type { Transaction } from '../../model/transaction.ts'
import { clashesWithBase } from './clashes.ts'
import { checkFields, checkUnwritten } from './field-losses.ts'
import type { Ledger } from './ledger.ts'
import { checkLosses, checkRaised } from './losses.ts'
import { checkOneScope, leftFor, type Revival } from './one-scope.ts'
import { label, type Told } from './told.ts'

/** Time between a decision and its commit, clocks of servers that differ, and stamps that ran ahead by counting. */
const slackMs = 60_000

/** The committed log, as it grew: folded, and checked commit by commit. */
export class LogWatch {
  /** Commits of a scope, from seq 1. */
  readonly feeds = new Map<string, CommitRow[]>()
  /** Scopes of each batch with its seq there. */
  readonly batches = new Map<string, { scope: string; seq: number }[]>()
  /** Every state a record had, in the order of the feed. */
  readonly histories = new Map<string, Told[]>()
  /** What each operation was as it was sent, by op_id. */
  readonly sent = new Map<string, Change>()
  /** Operations that came with more than one content. */
  readonly ambiguous = new Set<string>()
  /** Its stamps: a device whose clock was refused stamps anew. */
  readonly stamps = new Map<string, Set<string>>()
  readonly #effects = new Map<string, string>()
  /** The last seq of each stream. */
  readonly #streams = new Map<string, number>()
  /** Of the transaction that is being looked at. */
  #revivals: Revival[] = []
  readonly #ledger: Ledger

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  committed({ writes }: Transaction, tables: Tables): void {
    const changes = [...writes.changes.values()].filter((row) => row !== null)
    const commits = [...writes.commits.values()].filter((row) => row !== null)
    for (const commit of commits)
      this.#commit(
        commit,
        changes.filter(({ scope, batch }) => scope === commit.scope && batch === commit.batch),
        changes,
      )
    const scopes = new Set(commits.map(({ scope }) => scope))
    const { check } = this.#ledger
    for (const change of changes) {
      check(
        'FeedComplete',
        scopes.has(change.scope),
        () => `a change of ${change.scope} without a commit there`,
      )
    }
    checkOneScope(this.#ledger, this.histories, tables, this.#revivals)
    this.#revivals = []
    for (const mark of writes.checkpoints.values()) if (mark) this.#compacted(mark, tables)
    for (const [key, record] of writes.records) {
      const told = this.histories.get(key)?.at(-1)
      const agrees =
        record !== null &&
        told !== undefined &&
        told.after_version === record.version &&
        told.checksum === record.checksum &&
        jsonEqual(told.data, record.data)
      check('AuditReplay', agrees, () => `${label(key)}: the table has another state than the log`)
    }
    for (const [key, stream] of writes.streams) {
      const known = this.#streams.get(key) ?? 0
      check(
        'DevicePrefix',
        (stream?.last_seq ?? 0) >= known,
        () => `${label(key)} went from ${known} back to ${stream?.last_seq}`,
      )
      this.#streams.set(key, stream?.last_seq ?? 0)
    }
    for (const result of writes.results.values()) {
      if (!result) continue
      const stream = tables.get('streams', keyOf(result.device_id, result.incarnation))
      check(
        'DevicePrefix',
        (stream?.last_seq ?? 0) >= result.seq,
        () => `${result.op_id} lies beyond its stream's end`,
      )
      this.#settled(result.op_id, result.answer, changes, writes)
      this.#unwritten(result, tables)
    }
  }

  /** What a checkpoint has to leave: the last state of each record there, and everything after it. */
  #compacted({ scope, seq }: CheckpointRow, tables: Tables): void {
    const { check } = this.#ledger
    for (const [key, history] of this.histories) {
      if (history[0]?.scope !== scope) continue
      const last = this.at(key, seq)
      if (!last) continue
      const kept =
        last.effect === 'LEAVE'
          ? tables.departure(key, last.after_version)
          : tables.state(key, last.after_version)
      const isSame = kept?.effect === last.effect && jsonEqual(kept.data, last.data)
      check('AuditReplay', isSame, () => `${label(key)}: the checkpoint at ${seq} lost ${last.after_version}`)
    }
    const kept = new Set(tables.feed(scope))
    for (const commit of this.feeds.get(scope)?.slice(seq - 1) ?? []) {
      const isWhole =
        kept.has(commit) && (commit.seq === seq || tables.changesOf(commit).length === commit.changes)
      check('FeedComplete', isWhole, () => `${scope} ${commit.seq} is gone, above the checkpoint at ${seq}`)
    }
  }

  /** Forgets what a restored database does not know. What was sent, was sent. */
  restored({ rows }: Tables): void {
    for (const [scope, feed] of this.feeds) feed.splice(rows.heads.get(scope)?.seq ?? 0)
    const isHere = ({ scope, seq }: { scope: string; seq: number }) =>
      seq <= (this.feeds.get(scope)?.length ?? 0)
    for (const [batch, places] of this.batches) if (!places.every(isHere)) this.batches.delete(batch)
    for (const [key, history] of this.histories) {
      const kept = history.filter(({ scope, feedSeq }) => isHere({ scope, seq: feedSeq }))
      if (kept.length > 0) this.histories.set(key, kept)
      else this.histories.delete(key)
    }
    for (const [opId, batch] of this.#effects) if (!this.batches.has(batch)) this.#effects.delete(opId)
    this.#streams.clear()
    for (const [key, { last_seq }] of rows.streams) this.#streams.set(key, last_seq)
  }

  /** Whether a twin had an operation of this id answered; a restore may have lost that answer on its way. */
  mayBeAnothers(opId: string): boolean {
    return this.#ledger.answer(opId) !== undefined || (this.#ledger.restores > 0 && this.ambiguous.has(opId))
  }

  /** The state of a record at a position of its scope's feed. */
  at(key: string, seq: number): Told | undefined {
    return this.histories.get(key)?.findLast(({ feedSeq }) => feedSeq <= seq)
  }

  #commit(commit: CommitRow, changes: readonly ChangeRow[], batchChanges: readonly ChangeRow[]): void {
    const { check } = this.#ledger
    const feed = this.feeds.get(commit.scope) ?? []
    this.feeds.set(commit.scope, feed)
    const before = feed.at(-1)
    check(
      'FeedComplete',
      commit.seq === (before?.seq ?? 0) + 1,
      () => `${commit.scope} ${commit.seq} after ${before?.seq ?? 0}`,
    )
    check(
      'FeedOrder',
      commit.position > (before?.position ?? 0),
      () => `${commit.scope} ${commit.seq}: positions go back`,
    )
    const digest = feedDigest(commit, changes)
    const link = before && feedLink(before.chain, digest, commit.position, Date.parse(commit.committed_at))
    check(
      'AuditReplay',
      digest === commit.digest,
      () => `${commit.scope} ${commit.seq}: the digest is another`,
    )
    check(
      'AuditReplay',
      link === undefined || link === commit.chain,
      () => `${commit.scope} ${commit.seq}: the chain breaks`,
    )
    feed.push(commit)
    const places = this.batches.get(commit.batch) ?? []
    this.batches.set(commit.batch, [...places, { scope: commit.scope, seq: commit.seq }])
    for (const change of changes) this.#change(commit, change, batchChanges)
  }

  #change(commit: CommitRow, change: ChangeRow, batchOf: readonly ChangeRow[]): void {
    const { check } = this.#ledger
    const batch = this.#effects.get(change.op_id)
    check(
      'ExactlyOnce',
      batch === undefined || batch === commit.batch,
      () => `${change.op_id} took effect twice`,
    )
    this.#effects.set(change.op_id, commit.batch)
    const key = recordKey(change.scope, change.table, change.record_id)
    const history = this.histories.get(key) ?? []
    const before = history.at(-1)
    const sent = this.sent.get(change.op_id)
    if (sent && !this.ambiguous.has(change.op_id)) checkLosses(this.#ledger, this, { change, sent, before })
    checkRaised(this.#ledger, change)
    const isTelling = sent !== undefined && !this.ambiguous.has(change.op_id)
    checkFields(this.#ledger, this, { change, sent: isTelling ? sent : undefined, before })
    const pushed = before && this.sent.get(before.op_id)?.data
    // A restored server decides anew what came before it: the edit was made on what became of that at first.
    const isOldNews = this.#ledger.restores > 0
    // What it was made on cannot be told once that one's answer is kept no more, nor where what a twin sent under its id
    // has come again since, and is what was refused as too old.
    const baseId = sent?.base_op_id
    const base = baseId == null ? undefined : this.#ledger.scene.database.tables.get('results', baseId)
    const isTwins = base?.kind === 'rejected' && baseId != null && this.ambiguous.has(baseId)
    const isBaseForgotten = baseId != null && (!base || isTwins)
    const mayClash = isBaseForgotten || !sent || this.ambiguous.has(sent.op_id) || isOldNews
    check(
      'Causal',
      mayClash || !clashesWithBase({ change, sent, before, pushed }),
      () => `${change.op_id} clashes with what it was made on`,
    )
    if (change.effect === 'NONE') return
    this.histories.set(key, history)
    const told: Told = { ...change, feedSeq: commit.seq, actorKind: commit.actor_kind }
    check(
      'FeedOrder',
      change.after_version > (before?.after_version ?? 0),
      () => `${label(key)}: version ${change.after_version} after ${before?.after_version}`,
    )
    check(
      'FeedOrder',
      // A record that comes from another scope brings its versions along.
      before?.effect !== 'UPSERT' || change.before_version === before.after_version,
      () => `${label(key)}: written on ${change.before_version}, but stood at ${before?.after_version}`,
    )
    const isArrival = change.effect === 'UPSERT' && change.after_version > 1 && before?.effect !== 'UPSERT'
    const comesFrom = batchOf.find(
      (other) =>
        other.effect === 'LEAVE' && other.record_id === change.record_id && other.table === change.table,
    )
    const isBorn = before !== undefined || comesFrom !== undefined
    check(
      'FeedComplete',
      !isArrival || isBorn,
      () => `${label(key)} came from another scope, and did not leave it`,
    )
    const stamped = parseHlc(change.hlc)?.millis ?? 0
    const isBounded = stamped <= Date.parse(commit.committed_at) + maxSkewMs + slackMs
    check('Causal', isBounded, () => `${label(key)} was written at ${change.hlc}, in the future`)
    // One that arrives where it was deleted lived on in the scope that it leaves.
    const wasDeleted = before?.effect === 'DELETE' && comesFrom === undefined
    // A version of a history that a restored server lost proves nothing.
    const isProven =
      this.#ledger.restores === 0 ||
      history.some(
        ({ after_version, checksum }) =>
          after_version === sent?.base_version && checksum === sent.base_checksum,
      )
    const knewOfDeath =
      isProven && sent !== undefined && sent.base_version >= (before?.after_version ?? Infinity)
    check(
      'NoResurrection',
      !(wasDeleted && change.effect === 'UPSERT' && change.operation === 'UPDATE' && knewOfDeath),
      () => `${label(key)} lives again by an UPDATE`,
    )
    const left = change.effect === 'UPSERT' && comesFrom === undefined ? leftFor(history) : null
    if (left !== null) this.#revivals.push({ key, told, leftFor: left })
    history.push(told)
  }

  #unwritten({ op_id: opId, kind, scope, table, record_id: id }: ResultRow, tables: Tables): void {
    const sent = this.sent.get(opId)
    if (kind !== 'accepted' || !sent?.data || this.ambiguous.has(opId) || !scope || !table || !id) return
    const record = tables.get('records', recordKey(scope, table, id))
    if (record?.data) checkUnwritten(this.#ledger, sent, record.data)
  }

  /** An operation that was answered left what its answer says. */
  #settled(opId: string, answer: string, changes: readonly ChangeRow[], writes: Transaction['writes']): void {
    const { check } = this.#ledger
    const given = JSON.parse(answer) as {
      outcome?: string
      code?: string
      conflict_id?: string
      dead_letter_id?: string
    }
    const own = changes.find((change) => change.op_id === opId)
    const hasLost = (own?.lost ?? []).length > 0
    if (given.outcome === 'applied') {
      check(
        'NoSilentLoss',
        own !== undefined && own.effect !== 'NONE',
        () => `${opId} was applied and is not in the log`,
      )
    }
    if (given.outcome === 'superseded') {
      check('NoSilentLoss', hasLost, () => `${opId} was superseded, and what it wanted is kept nowhere`)
    }
    if (given.code === 'manual') {
      const conflict = given.conflict_id ? writes.conflicts.get(given.conflict_id) : undefined
      const isNamed = conflict?.op_id === opId || conflict?.later_op_ids.includes(opId)
      check(
        'NoSilentLoss',
        isNamed === true && hasLost,
        () => `${opId} is in conflict, and no conflict names it`,
      )
    }
    if (given.code === 'stale_version') {
      check('NoSilentLoss', hasLost, () => `${opId} was too late, and what it wanted is kept nowhere`)
    }
    if (given.dead_letter_id) {
      const letter = writes.letters.get(given.dead_letter_id)
      check('NoSilentLoss', letter != null, () => `${opId} was refused for good, and there is no dead letter`)
    }
  }
}
