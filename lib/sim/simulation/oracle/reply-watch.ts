import type { SyncReply, ServerChange, Change } from '#lib/protocol/sync.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import { sha256Hex } from '#lib/server/sync/read-changes.ts'
import { chainPrefix, readToken } from '#lib/server/sync/token.ts'
import { keyOf, recordKey, type Tables } from '../../model/tables.ts'
import { secret } from '../secret.ts'
import { withoutStamps } from './growth.ts'
import type { Ledger } from './ledger.ts'
import type { LogWatch } from './log-watch.ts'

/** What a device asked, as it arrived at the server, whole. */
export type Asked = {
  deviceId: string
  incarnation: string
  token: string | null
  changes: readonly Change[]
  /** Its grants when it was let in. */
  granted: readonly string[]
}

type Entry = {
  op_id: string | null
  code?: string
  detail?: string
  retryable?: boolean
  dead_letter_id?: string
}

/** Every reply that a server gave, delivered or not. */
export class ReplyWatch {
  readonly #ledger: Ledger
  readonly #log: LogWatch
  /** The first answer for good of each operation, by what it was. */
  readonly #answers = new Map<string, string>()
  /** The data of each operation as it was first sent, but for the stamps of its registers. */
  readonly #said = new Map<string, string>()
  /** What each operation was when it was answered for good. */
  readonly #meant = new Map<string, string>()
  /** Which operation each seq of a stream was answered as. */
  readonly #lineage = new Map<string, string>()

  constructor(ledger: Ledger, log: LogWatch) {
    this.#ledger = ledger
    this.#log = log
  }

  /** What a restored database does not know is answered anew. */
  restored({ rows }: Tables): void {
    const isKnown = (content: string) => rows.results.has((JSON.parse(content) as [string])[0])
    for (const content of this.#answers.keys()) if (!isKnown(content)) this.#answers.delete(content)
    for (const opId of this.#meant.keys()) if (!rows.results.has(opId)) this.#meant.delete(opId)
    for (const place of this.#lineage.keys()) if (!rows.places.has(place)) this.#lineage.delete(place)
  }

  /** Remembers what was sent, before the server says anything to it. */
  asked({ changes }: Asked): void {
    for (const change of changes) {
      // One that was damaged on its way is not what the device sent.
      const isWhole = recordChecksum(change.data ?? null, sha256Hex) === change.checksum
      if (!isWhole) continue
      this.#sameBarStamps(change)
      const { sent, stamps, ambiguous } = this.#log
      const before = sent.get(change.op_id)
      // Sent in two ways by twins: which of them it is, nobody can say from here.
      if (before && before.checksum !== change.checksum) ambiguous.add(change.op_id)
      sent.set(change.op_id, change)
      stamps.set(change.op_id, (stamps.get(change.op_id) ?? new Set()).add(change.hlc))
    }
  }

  /** What says that it is the same operation differs in the stamps of its registers alone. */
  #sameBarStamps(change: Change): void {
    const content = contentOf(change)
    const data = withoutStamps(change.data ?? null)
    const said = this.#said.get(content) ?? data
    this.#said.set(content, said)
    this.#ledger.check(
      'NoSilentLoss',
      said === data,
      () => `${change.op_id} says that it is ${said}, and is ${data}`,
    )
  }

  synced(asked: Asked, text: string): void {
    const reply = JSON.parse(text) as SyncReply
    const entries: Entry[] = [...reply.accepted, ...reply.conflicts, ...reply.rejected]
    this.#answered(asked, entries, (reply.unconfirmed ?? []).length > 0)
    this.#delivered(asked, reply.server_changes)
    this.#page(asked, reply)
    for (const entry of entries)
      this.#ledger.scene.count(`answer ${'outcome' in entry ? String(entry.outcome) : entry.code}`)
    if (reply.resync) this.#ledger.scene.count(`resync ${reply.resync.reason}`)
  }

  snapshot(granted: readonly string[], text: string): void {
    const { items } = JSON.parse(text) as { items: { scope: string; record_id: string }[] }
    for (const { scope, record_id } of items) {
      this.#ledger.check(
        'ScopeIsolation',
        granted.includes(scope),
        () => `a snapshot told ${record_id} of ${scope}`,
      )
    }
  }

  /** @param bringsLost the device has yet to send again what this server lost */
  #answered(asked: Asked, entries: readonly Entry[], bringsLost: boolean): void {
    const { deviceId, incarnation, changes } = asked
    const { check } = this.#ledger
    const { tables } = this.#ledger.scene.database
    for (const change of changes) {
      const own = entries.filter(({ op_id }) => op_id === change.op_id)
      check('NoSilentLoss', own.length === 1, () => `${change.op_id} was answered ${own.length} times`)
      const [entry] = own
      if (!entry) continue
      if (entry.retryable) {
        this.#heldOpen(asked, change, entry, bringsLost)
        continue
      }
      const place = keyOf(deviceId, incarnation, change.seq)
      const content = contentOf(change)
      // Nobody knows any more what its answer was: that is told, and its dead letter keeps it.
      const isExpired = entry.code === 'answer_expired'
      const mayBeExpired = tables
        .all('streams')
        .some(({ device, pruned_until_ms: until }) => device === deviceId && until !== null)
      check(
        'StableReply',
        !isExpired || (mayBeExpired && entry.dead_letter_id !== undefined),
        () => `${change.op_id} is refused as forgotten, and nothing was`,
      )
      const isMisplaced = entry.code === 'invalid_change' || isExpired
      if (!isMisplaced) {
        const stored = this.#ledger.answer(change.op_id)
        check('AckDurable', stored !== undefined, () => `${change.op_id} was answered and is not stored`)
        // What an earlier life had answered gets that answer under any seq, and says nothing of this one.
        const isOfThisLife = stored?.incarnation === incarnation && stored.seq === change.seq
        const known = (isOfThisLife && this.#lineage.get(place)) || content
        check(
          'SingleLineage',
          known === content,
          () => `seq ${change.seq} was answered as ${known} and ${content}: ${JSON.stringify(entry)}`,
        )
        if (isOfThisLife) this.#lineage.set(place, content)
        const told = JSON.stringify(entry)
        check(
          'StableReply',
          !stored || stored.answer === told,
          () => `${change.op_id}: ${told} is not what is stored`,
        )
        // Two devices may come to live in one identity; each has to learn what became of its own.
        const meant = this.#meant.get(change.op_id) ?? content
        check(
          'NoSilentLoss',
          meant === content || this.#ledger.forgotten.has(change.op_id),
          () => `${change.op_id} is answered for ${meant}, and was ${content}`,
        )
        this.#meant.set(change.op_id, meant)
      }
      if (entry.dead_letter_id) {
        const letter = tables.get('letters', entry.dead_letter_id)
        check(
          'AckDurable',
          letter !== undefined,
          () => `${change.op_id} was refused, and its dead letter is not stored`,
        )
      }
      // What was never its own answer for good has a dead letter of each sending.
      if (isExpired) continue
      const text = isMisplaced ? entry.code : JSON.stringify(entry)
      const first = this.#answers.get(content) ?? text ?? ''
      this.#answers.set(content, first)
      // Once its answer is kept no more, it may be refused, and kept as a dead letter, otherwise than at first.
      const mayDiffer = this.#ledger.forgotten.has(change.op_id) && entry.dead_letter_id !== undefined
      check(
        'StableReply',
        first === text || mayDiffer,
        () => `${change.op_id} was answered ${first}, then ${text}`,
      )
    }
  }

  /** What may come again has its place kept, until it is answered for good. */
  #heldOpen(asked: Asked, change: Change, { code, detail }: Entry, bringsLost: boolean): void {
    // What it was made on may be among what was lost.
    if (code === 'dependency_pending' && !bringsLost) this.#waits(asked, change)
    const { tables } = this.#ledger.scene.database
    const place = keyOf(asked.deviceId, asked.incarnation, change.seq)
    const isOpen = tables.get('holes', place) !== undefined
    const wasAnswered = this.#ledger.answer(change.op_id) !== undefined
    const { check } = this.#ledger
    check(
      'DevicePrefix',
      isOpen || wasAnswered,
      () => `seq ${change.seq} of ${change.op_id} is neither answered nor open: ${code} ${detail}`,
    )
  }

  /** Only what stands behind an open hole of its own record or saga may be told to wait. */
  #waits({ deviceId: device, incarnation, changes }: Asked, change: Change): void {
    const holes = this.#ledger.scene.database.tables.all('holes')
    const isBehind = holes.some(
      (hole) =>
        hole.device === device &&
        hole.incarnation === incarnation &&
        hole.seq < change.seq &&
        ((hole.record_id === change.record_id && hole.table === change.table) ||
          (change.saga != null && hole.saga_id === change.saga.id)),
    )
    // The step before it was never sent, or nobody knows of it any more: the saga times out.
    const saga = change.saga && this.#ledger.scene.database.tables.get('sagas', change.saga.id)
    const isLater = change.saga != null && saga != null && change.saga.step > saga.applied + 1
    // A step that was set aside and handed back goes after the later ones: it was not there yet when these were decided.
    const isAhead = changes.some(
      ({ seq, saga: other }) =>
        seq > change.seq && other != null && other.id === change.saga?.id && other.step < change.saga.step,
    )
    this.#ledger.check('Drain', isBehind || isLater || isAhead, () => `${change.op_id} waits for nothing`)
  }

  #delivered({ granted }: Asked, changes: readonly ServerChange[]): void {
    const { check } = this.#ledger
    const versions = new Map<string, number>()
    const seqs = new Map<string, number>()
    for (const change of changes) {
      const { scope, table, record_id, operation, version, seq, data, by } = change
      const mayKnow = granted.includes(scope) || (operation === 'LEAVE' && data === null)
      check(
        'ScopeIsolation',
        mayKnow,
        () => `${table}/${record_id} of ${scope} was told to a device without a grant`,
      )
      // Not of the feed; and both the scope and an answer given again may have brought the record. Whether the scope is
      // granted, nobody can tell while that is being changed.
      if (operation === 'LEAVE' && (!granted.includes(scope) || by.id === 'scope-revoked')) continue
      const key = keyOf(scope, table, record_id)
      check(
        'FeedOrder',
        version > (versions.get(key) ?? 0),
        () => `${table}/${record_id}: ${version} after ${versions.get(key)}`,
      )
      check('FeedOrder', seq >= (seqs.get(scope) ?? 0), () => `${scope}: ${seq} after ${seqs.get(scope)}`)
      versions.set(key, version)
      seqs.set(scope, seq)
    }
  }

  /** A delta is served on a token of this history alone. */
  #page({ token, granted }: Asked, reply: SyncReply): void {
    if (reply.resync !== null || token === null) return
    const from = readToken(token, secret)
    const { check } = this.#ledger
    check(
      'EpochSafety',
      from?.epoch === this.#ledger.scene.database.epoch,
      () => 'a delta was served on a token of another epoch',
    )
    for (const [scope, seq] of from?.positions ?? []) {
      const commit = this.#log.feeds.get(scope)?.[seq - 1]
      const known = from?.chains.get(scope)
      const isOurs =
        seq === 0 || (commit !== undefined && (known === undefined || chainPrefix(commit.chain) === known))
      check('EpochSafety', isOurs, () => `a delta was served on ${scope} ${seq} of another history`)
      if (!granted.includes(scope)) this.#leaves({ scope, seq, after: from?.leaving.get(scope) }, reply)
    }
  }

  /** Of a scope that was revoked, whatever lived there for the device is told to leave: in this page, or in one to come. */
  #leaves(
    { scope, seq, after }: { scope: string; seq: number; after: [string, string] | undefined },
    { server_changes: changes, sync_token: token }: SyncReply,
  ): void {
    const told = new Set(
      changes.flatMap(({ operation, table, record_id: id, ...change }) =>
        operation === 'LEAVE' && change.scope === scope ? [recordKey(scope, table, id)] : [],
      ),
    )
    const next = token === null ? undefined : readToken(token, secret)?.leaving.get(scope)
    for (const [key, [first]] of this.#log.histories) {
      if (first?.scope !== scope || this.#log.at(key, seq)?.effect !== 'UPSERT') continue
      const isBehind = (place: [string, string] | undefined) =>
        place !== undefined && keyOf(first.table, first.record_id) <= keyOf(...place)
      this.#ledger.check(
        'ScopeIsolation',
        isBehind(after) || told.has(key) || (next !== undefined && !isBehind(next)),
        () => `${first.table}/${first.record_id} of ${scope}, which was revoked, is never told to leave`,
      )
    }
  }
}

/** What makes an operation the same when it comes again: a register that was stamped anew does not make it another. */
function contentOf(change: Change): string {
  const { op_id, table, operation, record_id, scope, from_scope, base_version, base_op_id } = change
  const checksum = change.first_checksum ?? change.checksum
  return JSON.stringify([
    op_id,
    table,
    operation,
    record_id,
    scope,
    from_scope,
    base_version,
    base_op_id,
    checksum,
  ])
}
