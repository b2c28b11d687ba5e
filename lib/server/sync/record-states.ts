import type { Base, Current } from '#lib/core/decide.ts'
import type { JsonObject } from '#lib/core/json.ts'
import type { Since, VersionTrace } from '#lib/core/since.ts'
import type { TextEdits } from '#lib/core/text/fields.ts'
import type { Vector } from '#lib/core/vector.ts'
import type { Change } from '#lib/protocol/sync.ts'
import type { FeedChangeRow, Loaded, LoadedRecord, RecordKey } from './store.ts'

/** A record as it stands while a batch is being decided. */
export type RecordNow = Current & {
  checksum: string
  vector: Vector
  /** The scope that it left this one for, where nothing has come here since. */
  movedTo: string | null
}

type Entry = {
  key: RecordKey
  initial: LoadedRecord | undefined
  now: RecordNow | undefined
  last: FeedChangeRow | null
  /** Oldest first, as far back as was asked for. */
  traces: VersionTrace[]
}

/** What an operation pushed, as an edit made on top of it finds it. */
export type PushedState = Base & {
  /** The record's version after it. */
  version: number | null
  /** From the texts it pushed to those the record took; null where those are as it pushed them, or unknown. */
  bridge: TextEdits | null
}

type BaseNames = Pick<Change, 'base_version' | 'base_op_id' | 'base_checksum'>

/** A state that cannot be told: every difference is then one of both sides. */
const unknownBase: Base = { data: undefined, standsOn: null }

/** A key as text. Names may hold anything, so the length of one tells where the other begins. */
export const keyOf = ({ scope, table, id }: RecordKey): string => `${id} ${scope.length} ${scope} ${table}`

/** Where records went to that are not any more where they were loaded. */
export function placesLeftFor({ records }: Pick<Loaded, 'records'>): RecordKey[] {
  return (records ?? []).flatMap(({ table, id, moved_to: scope }) => (scope ? [{ scope, table, id }] : []))
}

/** The records a batch touches: as they were loaded, and as the batch's own earlier operations left them. */
export class RecordStates {
  readonly #entries = new Map<string, Entry>()
  readonly #versions = new Map<string, { data: JsonObject | null; checksum: string }>()
  /** What each operation pushed and what it stands on: for edits made on top of it. */
  readonly #operations = new Map<string, PushedState & { table: string | null; recordId: string | null }>()

  constructor(loaded: Loaded, keys: readonly RecordKey[]) {
    const records = new Map((loaded.records ?? []).map((record) => [keyOf(record), record]))
    for (const key of [...keys, ...placesLeftFor(loaded)]) {
      const initial = records.get(keyOf(key))
      const now = initial && {
        version: initial.version,
        data: initial.deleted ? null : initial.data,
        hlc: initial.hlc,
        deviceId: initial.device_id,
        lastData: initial.last_data ?? null,
        checksum: initial.checksum,
        vector: initial.vector,
        movedTo: initial.moved_to ?? null,
      }
      this.#entries.set(keyOf(key), { key, initial, now, last: null, traces: [] })
      if (now) this.#versions.set(`${keyOf(key)}@${now.version}`, now)
    }
    for (const base of loaded.bases ?? []) this.#versions.set(`${keyOf(base)}@${base.version}`, base)
    for (const { versions, ...key } of loaded.since ?? []) {
      const entry = this.#entries.get(keyOf(key))
      // Of several that were asked for, the longest tells of all.
      if (!entry || entry.traces.length >= versions.length) continue
      entry.traces = versions.map(({ version, hlc, field_stamps, text_ops }) => ({
        ...{ version, hlc, fieldStamps: field_stamps, textEdits: text_ops },
      }))
    }
    for (const operation of loaded.base_ops ?? []) {
      this.#operations.set(operation.op_id, {
        ...{ table: operation.table, recordId: operation.record_id },
        data: operation.known ? operation.pushed : undefined,
        standsOn: operation.stands_on,
        version: operation.version,
        bridge: operation.bridge,
      })
    }
  }

  current(key: RecordKey): RecordNow | undefined {
    return this.#entry(key).now
  }

  /** The scope that a record is in by now. */
  scopeNow({ scope, table, id }: RecordKey): string {
    const movedTo = this.#entry({ scope, table, id }).now?.movedTo ?? null
    return movedTo === null ? scope : this.scopeNow({ scope: movedTo, table, id })
  }

  /**
   * What an edit was made on: the operation it names, else the version it names.
   * @param isTrusted whether a version number alone tells the state: not where the device knows another history
   */
  base(
    key: RecordKey,
    { base_version: version, base_op_id: opId, base_checksum: checksum }: BaseNames,
    isTrusted: boolean,
  ): Base {
    const operation = opId ? this.#operations.get(opId) : undefined
    // An operation on another record says nothing about this one, whatever a faulty device claims.
    if (operation?.recordId === key.id && operation.table === key.table) {
      const { data, standsOn } = operation
      return { data, standsOn, since: this.#since(key, version, operation) }
    }
    // What it pushed is kept no more; the version it was made on is not what was edited.
    if (opId && !operation) return unknownBase
    if (version === 0) return { data: null, standsOn: 0 }
    const state = this.#versions.get(`${keyOf(key)}@${version}`)
    const isProven = checksum === undefined ? isTrusted : state?.checksum === checksum
    return isProven ? { data: state?.data, standsOn: version, since: this.#since(key, version) } : unknownBase
  }

  /** What happened to a record since a version; the texts, since an operation on top of it that the device made. */
  #since(key: RecordKey, version: number, operation?: PushedState): Since {
    const { now, traces } = this.#entry(key)
    const after = (from: number): VersionTrace[] | null => {
      const found = traces.filter((trace) => trace.version > from)
      return found.length === (now?.version ?? 0) - from ? found : null
    }
    const texts = (from: number): TextEdits[] | null => {
      const found = after(from)
      const told = found?.flatMap(({ textEdits }) => (textEdits ? [textEdits] : [])) ?? []
      return found && told.length === found.length ? told : null
    }
    const versions = after(version)
    if (!operation) return { versions, textEdits: texts(version) }
    const { version: reached, standsOn, bridge } = operation
    const rest = reached === null ? null : texts(reached)
    if (rest && bridge) return { versions, textEdits: [bridge, ...rest] }
    return { versions, textEdits: reached === standsOn ? rest : null }
  }

  /** Remembers what an operation pushed, for those made on top of it. */
  pushed(opId: string, { table, id }: Omit<RecordKey, 'scope'>, state: PushedState): void {
    this.#operations.set(opId, { ...state, table, recordId: id })
  }

  write(
    key: RecordKey,
    now: RecordNow,
    change: FeedChangeRow,
    trace: Omit<VersionTrace, 'version' | 'hlc'>,
  ): void {
    const entry = this.#entry(key)
    entry.traces.push({ version: now.version, hlc: now.hlc, ...trace })
    if (entry.last) entry.last.final = null
    change.final = entry.initial ? 'update' : 'insert'
    entry.now = now.data === null ? { ...now, lastData: entry.now?.data ?? entry.now?.lastData ?? null } : now
    entry.last = change
    this.#versions.set(`${keyOf(key)}@${now.version}`, now)
  }

  /** Versions that the decisions rest on, of records that were there. */
  restsOn(): (RecordKey & { version: number })[] {
    return [...this.#entries.values()].flatMap(({ key, initial }) =>
      initial ? [{ ...key, version: initial.version }] : [],
    )
  }

  #entry(key: RecordKey): Entry {
    const entry = this.#entries.get(keyOf(key))
    if (!entry) throw new Error(`record ${keyOf(key)} was not loaded with its batch`)
    return entry
  }
}
