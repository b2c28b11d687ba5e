import type { SyncReply, ServerChange, Change } from '#lib/protocol/sync.ts'
import { recordChecksum } from '#lib/protocol/checksum.ts'
import { sha256Hex } from '#lib/server/sync/read-changes.ts'
import { chainPrefix, readToken } from '#lib/server/sync/token.ts'
import { keyOf } from '../../model/tables.ts'
import { secret, type World } from '../world.ts'
import type { Oracle } from './oracle.ts'

/** What a device asked, as it arrived at the server, whole. */
export type Asked = {
  deviceId: string
  incarnation: string
  token: string | null
  changes: readonly Change[]
  /** Its grants when it was let in. */
  granted: readonly string[]
}

type Entry = { op_id: string | null; code?: string; retryable?: boolean; dead_letter_id?: string }

/** Every reply that a server gave, delivered or not. */
export class ReplyWatch {
  readonly #world: World
  readonly #oracle: Oracle
  /** The first answer for good of each operation, by what it was. */
  readonly #answers = new Map<string, string>()
  /** Which operation each seq of a stream was answered as. */
  readonly #lineage = new Map<string, string>()

  constructor(world: World, oracle: Oracle) {
    this.#world = world
    this.#oracle = oracle
  }

  /** Remembers what was sent, before the server says anything to it. */
  asked({ changes }: Asked): void {
    for (const change of changes) {
      // One that was damaged on its way is not what the device sent.
      const isWhole = recordChecksum(change.data ?? null, sha256Hex) === change.checksum
      if (isWhole && !this.#oracle.log.sent.has(change.op_id)) this.#oracle.log.sent.set(change.op_id, change)
    }
  }

  synced(asked: Asked, text: string): void {
    const reply = JSON.parse(text) as SyncReply
    const entries: Entry[] = [...reply.accepted, ...reply.conflicts, ...reply.rejected]
    this.#answered(asked, entries)
    this.#delivered(asked, reply.server_changes)
    this.#page(asked, reply)
    for (const entry of entries)
      this.#world.count(`answer ${'outcome' in entry ? String(entry.outcome) : entry.code}`)
    if (reply.resync) this.#world.count(`resync ${reply.resync.reason}`)
  }

  snapshot(granted: readonly string[], text: string): void {
    const { items } = JSON.parse(text) as { items: { scope: string; record_id: string }[] }
    for (const { scope, record_id } of items) {
      this.#oracle.check(
        'ScopeIsolation',
        granted.includes(scope),
        () => `a snapshot told ${record_id} of ${scope}`,
      )
    }
  }

  #answered({ deviceId, incarnation, changes }: Asked, entries: readonly Entry[]): void {
    const { check } = { check: this.#oracle.check.bind(this.#oracle) }
    const { tables } = this.#world.database
    for (const change of changes) {
      const own = entries.filter(({ op_id }) => op_id === change.op_id)
      check('NoSilentLoss', own.length === 1, () => `${change.op_id} was answered ${own.length} times`)
      const [entry] = own
      if (!entry || entry.retryable) {
        if (entry?.code === 'dependency_pending') this.#waits(deviceId, incarnation, change)
        continue
      }
      const place = keyOf(deviceId, incarnation, change.seq)
      const content = contentOf(change)
      const isMisplaced = entry.code === 'invalid_change'
      if (!isMisplaced) {
        const known = this.#lineage.get(place) ?? content
        check('SingleLineage', known === content, () => `seq ${change.seq} was answered as two operations`)
        this.#lineage.set(place, content)
        const stored = tables.get('results', change.op_id)
        check('AckDurable', stored !== undefined, () => `${change.op_id} was answered and is not stored`)
      }
      if (entry.dead_letter_id) {
        const letter = tables.get('letters', entry.dead_letter_id)
        check(
          'AckDurable',
          letter !== undefined,
          () => `${change.op_id} was refused, and its dead letter is not stored`,
        )
      }
      const text = JSON.stringify(entry)
      const first = this.#answers.get(content) ?? text
      this.#answers.set(content, first)
      check('StableReply', first === text, () => `${change.op_id} was answered ${first}, then ${text}`)
    }
  }

  /** Only what stands behind an open hole of its own record or saga may be told to wait. */
  #waits(device: string, incarnation: string, change: Change): void {
    const holes = this.#world.database.tables.all('holes')
    const isBehind = holes.some(
      (hole) =>
        hole.device === device &&
        hole.incarnation === incarnation &&
        hole.seq < change.seq &&
        ((hole.record_id === change.record_id && hole.table === change.table) ||
          (change.saga != null && hole.saga_id === change.saga.id)),
    )
    this.#oracle.check('Drain', isBehind, () => `${change.op_id} waits for nothing`)
  }

  #delivered({ granted }: Asked, changes: readonly ServerChange[]): void {
    const { check } = { check: this.#oracle.check.bind(this.#oracle) }
    const versions = new Map<string, number>()
    const seqs = new Map<string, number>()
    for (const change of changes) {
      const { scope, table, record_id, operation, version, seq, data } = change
      const mayKnow = granted.includes(scope) || (operation === 'LEAVE' && data === null)
      check(
        'ScopeIsolation',
        mayKnow,
        () => `${table}/${record_id} of ${scope} was told to a device without a grant`,
      )
      if (operation === 'LEAVE' && !granted.includes(scope)) continue
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
  #page({ token }: Asked, reply: SyncReply): void {
    if (reply.resync !== null || token === null) return
    const from = readToken(token, secret)
    const { check } = { check: this.#oracle.check.bind(this.#oracle) }
    check(
      'EpochSafety',
      from?.epoch === this.#world.database.epoch,
      () => 'a delta was served on a token of another epoch',
    )
    for (const [scope, seq] of from?.positions ?? []) {
      const commit = this.#oracle.log.feeds.get(scope)?.[seq - 1]
      const known = from?.chains.get(scope)
      const isOurs =
        seq === 0 || (commit !== undefined && (known === undefined || chainPrefix(commit.chain) === known))
      check('EpochSafety', isOurs, () => `a delta was served on ${scope} ${seq} of another history`)
    }
  }
}

/** What makes an operation the same when it comes again. */
function contentOf(change: Change): string {
  const { op_id, table, operation, record_id, scope, from_scope, base_version, base_op_id, checksum } = change
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
