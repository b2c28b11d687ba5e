import { jsonEqual } from '#lib/core/json.ts'
import type { Write } from '#lib/client/ports.ts'
import { chainPrefix, readToken } from '#lib/server/sync/token.ts'
import { recordKey } from '../../model/tables.ts'
import { secret } from '../secret.ts'
import { withoutStamps } from './growth.ts'
import type { Ledger } from './ledger.ts'
import type { LogWatch } from './log-watch.ts'
import type { Journaled, Queued, Row } from './stored.ts'
import { label } from './told.ts'

const generationOf = (key: string) => Number(key.slice(0, 16))

/** What one store of a device holds, as its writes tell it, and what it may never hold. */
export class DeviceWatch {
  readonly name: string
  readonly #ledger: Ledger
  readonly #log: LogWatch
  #rows = new Map<string, Row>()
  #operations = new Map<string, Queued>()
  #kept = new Set<string>()
  /** The newest version of each record that an answer told. */
  readonly #answered = new Map<string, number>()
  #generation = 1
  #positions = new Map<string, number>()
  #chains: ReadonlyMap<string, string> = new Map()
  #token: string | null = null
  /** Scopes that were revoked, and some of whose records are still here. */
  #leaving: ReadonlySet<string> = new Set()
  /** Scopes that were granted while the others were read: they have to catch up first. */
  readonly #joining = new Set<string>()
  /** Answered operations that it would send to a restored server again. */
  readonly #journal = new Map<string, { opId: string; kind: string; letter: string | null }>()
  /** It may hold what a restored server does not know, and was not told yet. */
  #isAdrift = false

  constructor(name: string, ledger: Ledger, log: LogWatch) {
    this.name = name
    this.#ledger = ledger
    this.#log = log
  }

  /** Begins with what another store held: its clone, or the device before it was restored. */
  inherit(writes: readonly Write[]): void {
    for (const write of writes) this.#apply(write)
    // What it was told before, nobody here knows.
    for (const row of this.#rows.values()) this.#toldBefore(row)
    this.#generation = this.#readGeneration(writes) ?? 1
    this.#takeToken(writes, false)
    this.#isAdrift = this.#ledger.restores > 0
  }

  /** The server has an earlier state, and this device does not know. */
  restored(): void {
    this.#isAdrift = true
  }

  /** Whether it may not have found out yet that the server has an earlier state. */
  get isAdrift(): boolean {
    return this.#isAdrift
  }

  /** What it was told for good, with the journal of it still there. */
  get acknowledged(): string[] {
    return [...this.#journal.values()].flatMap(({ opId, kind }) => (kind === 'rejected' ? [] : [opId]))
  }

  /** What was refused to it, and kept as a dead letter, with the journal of it still there. */
  get refused(): string[] {
    return [...this.#journal.values()].flatMap(({ opId, letter }) => (letter === null ? [] : [opId]))
  }

  get pending(): number {
    return this.#operations.size
  }

  /** Rows in view, by key. */
  rows(): ReadonlyMap<string, Row> {
    const rows = [...this.#rows].filter(([key]) => generationOf(key) === this.#generation)
    return new Map(rows.map(([, row]) => [recordKey(row.scope, row.table, row.id), row]))
  }

  /** One atomic write of the store. */
  wrote(writes: readonly Write[]): void {
    const before = this.rows()
    const settled: Queued[] = []
    for (const write of writes) {
      if (write.collection !== 'operations') continue
      const known = this.#operations.get(write.key)
      if (write.kind === 'delete' && known) settled.push(known)
      if (write.kind === 'put' && known) this.#sameAsSent(known, write.value as Queued)
    }
    for (const write of writes) this.#apply(write)
    const generation = this.#readGeneration(writes)
    const isSwapped = generation !== null && generation !== this.#generation
    if (generation !== null) this.#generation = generation
    const isTokenNew = this.#takeToken(writes, isSwapped)
    for (const operation of settled) this.#letGo(operation)
    if (isSwapped) this.#stillShows(before)
    if (this.#isAdrift) {
      this.#isAdrift = !(isTokenNew || isSwapped) || !this.#isOfThisHistory()
      return
    }
    this.#monotonic(before)
    if (isTokenNew || isSwapped) this.#foldsTo()
  }

  /** Whether nothing it holds, and no position, is of a history that a restored server lost. */
  #isOfThisHistory(): boolean {
    const { feeds, histories } = this.#log
    const isForeign = [...this.#chains].some(([scope, chain]) => {
      const seq = this.#positions.get(scope) ?? 0
      return seq > 0 && chainPrefix(feeds.get(scope)?.[seq - 1]?.chain ?? '') !== chain
    })
    if (isForeign || this.acknowledged.some((opId) => !this.#ledger.answer(opId))) return false
    return [...this.rows()].every(([key, { server }]) => {
      const told = histories.get(key)?.find(({ after_version }) => after_version === server?.version)
      return !server || (told !== undefined && jsonEqual(told.data, server.data))
    })
  }

  #apply(write: Write): void {
    const value = write.kind === 'put' ? (JSON.parse(JSON.stringify(write.value)) as unknown) : null
    switch (write.collection) {
      case 'records':
        if (value) this.#rows.set(write.key, value as Row)
        else this.#rows.delete(write.key)
        return
      case 'operations':
        if (value) this.#operations.set(write.key, value as Queued)
        else this.#operations.delete(write.key)
        return
      case 'journal':
        if (value) {
          const { operation, answer } = value as Journaled
          const letter = answer.kind === 'rejected' ? (answer.ref ?? null) : null
          this.#journal.set(write.key, { opId: operation.opId, kind: answer.kind, letter })
        } else this.#journal.delete(write.key)
        return
      case 'dead_letters':
      case 'review':
        if (value) this.#kept.add(write.key)
        return
      default:
    }
  }

  #readGeneration(writes: readonly Write[]): number | null {
    const rows = writes.findLast(({ collection, key }) => collection === 'meta' && key === 'rows')
    return rows?.kind === 'put' ? (rows.value as { generation: number }).generation : null
  }

  #takeToken(writes: readonly Write[], isSwapped: boolean): boolean {
    const feed = writes.findLast(({ collection, key }) => collection === 'meta' && key === 'feed')
    if (feed?.kind !== 'put') return false
    const { token } = feed.value as { token: string | null }
    if (token === this.#token) return false
    const read = token === null ? null : readToken(token, secret)
    const positions = new Map(read?.positions)
    for (const [scope, seq] of positions) {
      const known = this.#positions.get(scope) ?? 0
      this.#ledger.check(
        'TokenPrefix',
        seq >= known || isSwapped,
        () => `${this.name}: ${scope} went from ${known} back to ${seq}`,
      )
    }
    for (const scope of positions.keys()) {
      if (!this.#positions.has(scope)) this.#joining.add(scope)
    }
    // Granted again while it was being left, a scope is read from its start: what had not left yet is still there.
    const isRegained = (scope: string) =>
      this.#leaving.has(scope) && positions.has(scope) && !read?.leaving.has(scope)
    for (const row of this.rows().values()) if (isRegained(row.scope)) this.#toldBefore(row)
    this.#leaving = new Set(read?.leaving.keys())
    this.#token = token
    this.#chains = new Map(read?.chains)
    this.#positions = new Map([...positions].filter(([scope]) => !read?.leaving.has(scope)))
    return true
  }

  /** A scope has caught up once nothing of it is left that is older than what is known of the others. */
  #catchUp(): void {
    const { feeds } = this.#log
    const seen = [...this.#positions].map(([scope, seq]) => feeds.get(scope)?.[seq - 1]?.position ?? 0)
    const frontier = Math.max(0, ...seen)
    for (const scope of this.#joining) {
      const next = feeds.get(scope)?.[this.#positions.get(scope) ?? 0]
      if (!next || next.position > frontier) this.#joining.delete(scope)
    }
  }

  /** An operation that was sent keeps its content: the server may know it. */
  #sameAsSent(before: Queued, after: Queued): void {
    // What a twin sent otherwise under this id goes on under an id of its own.
    const isReissued = before.opId !== after.opId && this.#log.mayBeAnothers(before.opId)
    if (!before.wasSent || isReissued) return
    // A register set by a clock that ran ahead was refused for its stamp, and takes another.
    const isRestamped =
      after.hole?.code === 'clock_skew' && withoutStamps(before.data) === withoutStamps(after.data)
    const isSame =
      before.opId === after.opId &&
      (before.checksum === after.checksum || isRestamped) &&
      before.operation === after.operation
    this.#ledger.check(
      'NoSilentLoss',
      isSame,
      () => `${this.name}: ${before.opId} was changed after it was sent`,
    )
  }

  /** What leaves the queue was answered for good, or is kept where people find it, or was never sent. */
  #letGo(operation: Queued): void {
    const { opId } = operation
    const result = this.#ledger.answer(opId)
    // An answer from before the server was restored: the journal has the operation, and sends it again.
    const isInJournal =
      this.#ledger.restores > 0 && [...this.#journal.values()].some((entry) => entry.opId === opId)
    const isKept = this.#kept.has(opId) || isInJournal
    if (result?.scope && result.table && result.record_id) {
      const told = recordKey(result.scope, result.table, result.record_id)
      this.#answered.set(told, Math.max(this.#ahead(told), result.version ?? 0))
    }
    this.#ledger.check(
      'NoSilentLoss',
      !operation.wasSent || result !== undefined || isKept,
      () => `${this.name}: ${opId} left the queue, and nobody has it`,
    )
    if (this.#isAdrift || result?.kind !== 'accepted' || !result.scope || !result.table || !result.record_id)
      return
    const key = recordKey(result.scope, result.table, result.record_id)
    const row = this.rows().get(key)
    const version = result.version ?? 0
    // One that followed its record to another scope shows there as the feed tells it.
    const isElsewhere = operation.scope !== result.scope
    // One that goes again, because a server may have lost it, was shown before.
    if (!operation.wasSent || operation.firstAnswer || isElsewhere || !this.#positions.has(result.scope))
      return
    const isKnown = row?.server ? row.server.version >= version : this.#isGone(key, version)
    this.#ledger.check(
      'Causal',
      isKnown || isKept,
      () =>
        `${this.name}: ${label(key)} does not show its own ${opId}: ${result?.answer} ${JSON.stringify(row)} ${JSON.stringify(this.#log.histories.get(key)?.map((h) => [h.after_version, h.effect, h.op_id]))}`,
    )
  }

  #toldBefore(row: Row): void {
    const key = recordKey(row.scope, row.table, row.id)
    if (row.server) this.#answered.set(key, Math.max(this.#ahead(key), row.server.version))
  }

  /** After a full sync the app goes on seeing what waits to be sent, but for what went with a scope that was revoked. */
  #stillShows(before: ReadonlyMap<string, Row>): void {
    const rows = this.rows()
    for (const { scope, table, id, ordinal, opId, wasSent } of this.#operations.values()) {
      const key = recordKey(scope, table, id)
      // Sent, it waits for its answer without its record.
      const hasLeft = wasSent && !before.get(key)?.pending.includes(ordinal)
      this.#ledger.check(
        'Causal',
        hasLeft || rows.get(key)?.pending.includes(ordinal) === true,
        () => `${this.name}: ${opId} waits to be sent, and its record does not show it`,
      )
    }
  }

  /** How far answers took a record ahead of the token. */
  #ahead(key: string): number {
    return this.#answered.get(key) ?? 0
  }

  /** Whether the log tells that the record went away at this version or later. */
  #isGone(key: string, version: number): boolean {
    const history = this.#log.histories.get(key) ?? []
    return history.some(({ after_version, effect }) => after_version >= version && effect !== 'UPSERT')
  }

  #monotonic(before: ReadonlyMap<string, Row>): void {
    const after = this.rows()
    for (const [key, row] of before) {
      const next = after.get(key)
      if (!next?.server || !row.server || next.server.version >= row.server.version) continue
      // A record that left the device and came again begins anew.
      if (this.#isGone(key, next.server.version)) continue
      this.#ledger.check(
        'Causal',
        false,
        () => `${this.name}: ${label(key)} went from ${row.server?.version} to ${next.server?.version}`,
      )
    }
    this.#ledger.check('Causal', true, () => '')
  }

  /** The rows in view are the fold of the feed up to the token, and beyond it only what this device did itself. */
  #foldsTo(): void {
    const log = this.#log
    const { check } = this.#ledger
    const rows = this.rows()
    for (const [key, history] of log.histories) {
      const scope = history[0]!.scope
      const position = this.#positions.get(scope)
      if (position === undefined) continue
      const told = log.at(key, position)
      const row = rows.get(key)
      const name = () => `${this.name} at ${scope} ${position}: ${label(key)}`
      if (!row?.server || row.server.data === null) {
        const isRight = told?.effect !== 'UPSERT' || this.#isGone(key, told.after_version + 1)
        check('TokenPrefix', isRight, () => `${name()} is missing at version ${told?.after_version}`)
        continue
      }
      const { version, data } = row.server
      const state = history.find((each) => each.after_version === version)
      check(
        'TokenPrefix',
        state !== undefined && jsonEqual(state.data, data),
        () => `${name()} holds a version ${version} that never was`,
      )
      const newest = Math.max(told?.after_version ?? 0, this.#ahead(key))
      check('TokenPrefix', version <= newest, () => `${name()} is at ${version}, and was told ${newest}`)
      check(
        'TokenPrefix',
        version >= (told?.after_version ?? 0),
        () => `${name()} is at ${version}, and was told ${told?.after_version}`,
      )
    }
    this.#catchUp()
    for (const [batch, places] of log.batches) {
      const known = places.filter(({ scope }) => this.#positions.has(scope) && !this.#joining.has(scope))
      const within = known.filter(({ scope, seq }) => seq <= (this.#positions.get(scope) ?? 0))
      check(
        'BatchAtomic',
        within.length === 0 || within.length === known.length,
        () => `${this.name} saw part of ${batch}`,
      )
    }
  }
}
