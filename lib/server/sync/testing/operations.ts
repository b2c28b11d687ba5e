import { v7 as newId } from 'uuid'
import type { JsonObject } from '#lib/core/json.ts'
import { defaultPolicy, type TablePolicy } from '#lib/core/policy.ts'
import { placeInStream } from '#lib/core/stream.ts'
import { stampAt } from '#lib/core/testing/records.ts'
import { canonicalJson } from '#lib/protocol/checksum.ts'
import type { Accepted, ChangeInput } from '#lib/protocol/sync.ts'
import { compilePolicy } from '../../tables/validate.ts'
import type { DecidedBatch } from '../batch.ts'
import { decideBatch } from '../decide-batch.ts'
import { readChanges, sha256Hex } from '../read-changes.ts'
import type { Loaded, LoadedRecord } from '../store.ts'

const device = '0193f3a2-b4c0-7000-8000-000000000d01'
export const now = '2026-11-22T08:00:00.000Z'
export const id = (name: string) => `0193f3a2-b4c0-7000-8000-${sha256Hex(name).slice(0, 12)}`
export const checksumOf = (data: JsonObject | null) => sha256Hex(canonicalJson(data))

/** A record as another device left it, at version 2 unless said otherwise. */
export function record(
  name: string,
  data: JsonObject | null,
  more: Partial<LoadedRecord> = {},
): LoadedRecord {
  return {
    ...{ scope: 'default', table: 'things', id: id(name), version: 2, data, checksum: checksumOf(data) },
    ...{ hlc: stampAt(2), vector: {}, device_id: id('another device'), deleted: data === null, ...more },
  }
}

const nothing: Loaded = {
  ...{ stream: { last_seq: 0, revision: 0 }, forgotten: null, holes: null, seen: null, records: null },
  ...{ bases: null, base_ops: null, since: null, open_conflicts: null, policies: null, sagas: null, now },
  ...{ standing: null, was_restored: false },
}

export type Op = Partial<Omit<ChangeInput, 'data'>> & { on?: string; data?: JsonObject | null }

/** Operation `op-1`, `op-2` … of the device, an UPDATE of record r made on version 1 unless said otherwise. */
function change({ on = 'r', data = {}, ...more }: Op, index: number): ChangeInput {
  return {
    ...{ op_id: id(`op-${index + 1}`), seq: index + 1, table: 'things', operation: 'UPDATE' as const },
    ...{ record_id: id(on), base_version: 1, hlc: stampAt(Date.parse(now)), checksum: checksumOf(data) },
    ...(data && { data }),
    ...more,
  }
}

export function decideOps(
  ops: Op[],
  loaded: Partial<Loaded> = {},
  policy: Partial<TablePolicy> = {},
): DecidedBatch {
  const read = readChanges(ops.map(change))
  const known = { ...compilePolicy({ ...defaultPolicy('things'), ...policy }), version: 1, known: new Map() }
  const all = { ...nothing, ...loaded }
  const placement = placeInStream(
    {
      lastSeq: all.stream?.last_seq ?? 0,
      holes: new Map(all.holes?.map((hole) => [hole.seq, { opId: hole.op_id }])),
    },
    new Map(),
    read,
  )
  if (placement.kind !== 'placed') throw new Error(placement.kind)
  return decideBatch(read, placement, all, {
    ...{
      deviceId: device,
      history: 'ours',
      wasRestored: false,
      incarnation: id('life'),
      granted: (scope) => scope !== 'forbidden',
    },
    ...{ schemaVersion: 1, nowMillis: Date.parse(now) },
    policies: (table) => (table === 'things' ? known : null),
    newId,
  })
}

export const entries = (decided: DecidedBatch) =>
  decided.answers.map(({ text }) => JSON.parse(text) as Partial<Accepted>)
export const outcomes = (decided: DecidedBatch) => decided.answers.map(({ outcome, code }) => code ?? outcome)
/** The state in which a batch leaves a record. */
export const left = (decided: DecidedBatch) => decided.changes.findLast(({ final }) => final !== null)?.data
