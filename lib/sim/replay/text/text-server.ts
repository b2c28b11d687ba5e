import { v5 } from 'uuid'
import type { JsonObject } from '#lib/core/json.ts'
import { defaultPolicy, type Strategy } from '#lib/core/policy.ts'
import { formatHlc, hlcNode } from '#lib/core/hlc.ts'
import { placeInStream } from '#lib/core/stream.ts'
import type { TextEdits } from '#lib/core/text/fields.ts'
import { canonicalJson } from '#lib/protocol/checksum.ts'
import { decideBatch } from '#lib/server/sync/decide-batch.ts'
import { readChanges, sha256Hex } from '#lib/server/sync/read-changes.ts'
import type { Loaded, LoadedRecord, OpResultRow } from '#lib/server/sync/store.ts'
import { compilePolicy } from '#lib/server/tables/validate.ts'

const namespace = '3a1f0c52-6f0b-4b0e-9d52-0d3a3f1c7a10'
export const idOf = (name: string): string => v5(name, namespace)

/** A version of the record as the log has it. */
export type Version = {
  data: JsonObject
  hlc: string
  opId: string
  textEdits: TextEdits | null
  isMerged: boolean
}

/** What a device pushes, and what it made it on. */
export type TextPush = {
  deviceId: string
  seq: number
  data: JsonObject
  baseVersion: number
  /** The device's own operation before this one, where it has not seen the record with it yet. */
  baseOpId: string | null
  textEdits?: TextEdits
}

/** One record of one table on a server without a database: each push is decided by the push path's own code. */
export class TextServer {
  /** Of which the first is version 1. */
  readonly versions: Version[] = []
  readonly #policy
  readonly #record = idOf('record')
  readonly #results = new Map<string, OpResultRow>()
  #now: LoadedRecord | null = null

  constructor(strategy: Strategy) {
    this.#policy = { ...compilePolicy(defaultPolicy('texts', strategy)), version: 1, known: new Map() }
  }

  /** @returns the record's version after it. @throws Error where it is refused or in conflict: that is the failure we look for */
  push({ deviceId, seq, data, baseVersion, baseOpId, textEdits }: TextPush): {
    version: number
    opId: string
  } {
    const opId = idOf(`${deviceId} ${seq}`)
    const key = { scope: 'default', table: 'texts', id: this.#record }
    const millis = 1_700_000_000_000 + this.versions.length
    const read = readChanges([
      {
        ...{ op_id: opId, seq, table: key.table, record_id: key.id, base_version: baseVersion },
        operation: this.versions.length === 0 ? 'CREATE' : 'UPDATE',
        ...(baseOpId && { base_op_id: baseOpId }),
        ...(textEdits && { text_ops: textEdits }),
        ...{ data, checksum: sha256Hex(canonicalJson(data)) },
        hlc: formatHlc({ millis, counter: 0, node: hlcNode(deviceId) }),
      },
    ])
    const placement = placeInStream({ lastSeq: seq - 1, holes: new Map() }, new Map(), read)
    if (placement.kind !== 'placed') throw new Error(`operation ${seq} was not placed: ${placement.kind}`)
    const decided = decideBatch(read, placement, this.#load(key, baseVersion, baseOpId), {
      ...{ deviceId, incarnation: deviceId, granted: () => true, schemaVersion: 1, nowMillis: millis },
      ...{
        policies: () => this.#policy,
        newId: () => idOf(`id ${opId}`),
        history: 'ours',
        wasRestored: false,
      },
    })
    const [answer] = decided.answers
    const [written] = decided.changes
    if (answer?.kind !== 'accepted') throw new Error(`operation ${seq}: ${answer?.text}`)
    this.#results.set(opId, decided.results[0]!)
    if (!written?.data) return { version: this.versions.length, opId }
    const { hlc, vector, checksum } = written
    this.versions.push({
      data: written.data,
      hlc,
      opId,
      isMerged: answer.outcome === 'merged',
      textEdits: (written.rule['text_ops'] ?? null) as TextEdits | null,
    })
    const version = this.versions.length
    this.#now = {
      ...key,
      version,
      data: written.data,
      checksum,
      hlc,
      vector,
      device_id: deviceId,
      deleted: false,
    }
    return { version, opId }
  }

  /** As push_load answers. */
  #load(
    key: LoadedRecord | { scope: string; table: string; id: string },
    baseVersion: number,
    baseOpId: string | null,
  ): Loaded {
    const base = this.versions[baseVersion - 1]
    const result = baseOpId === null ? undefined : this.#results.get(baseOpId)
    return {
      ...{ stream: null, forgotten: null, holes: null, seen: null, open_conflicts: null, policies: null },
      ...{ sagas: null, standing: null, was_restored: false, now: '' },
      records: this.#now && [this.#now],
      bases: base ? [{ ...key, version: baseVersion, data: base.data, checksum: '' }] : null,
      base_ops: result
        ? [
            {
              ...{ op_id: result.op_id, table: key.table, record_id: key.id, version: result.version },
              stands_on: result.stands_on,
              pushed: result.pushed ? result.pushed.data : this.versions[result.version! - 1]!.data,
              ...{ known: true, bridge: result.pushed?.bridge ?? null },
            },
          ]
        : null,
      since: [
        {
          ...key,
          versions: this.versions.slice(baseVersion).map(({ hlc, textEdits }, index) => ({
            ...{ version: baseVersion + index + 1, hlc, field_stamps: null, text_ops: textEdits },
          })),
        },
      ],
    }
  }
}
