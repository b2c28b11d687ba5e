import { hash } from 'node:crypto'
import type { z } from 'zod'
import type { Refusal } from '#lib/core/decide.ts'
import { findUnfaithful, isJsonObject, jsonPointer, type JsonObject } from '#lib/core/json.ts'
import { canonicalJson } from '#lib/protocol/checksum.ts'
import { plainChange } from './plain-change.ts'
import { contentHash as hashOf } from '#lib/protocol/confirm.ts'
import { contentText } from './sent-text.ts'
import { changeSchema, hlcText, uuid, type Change } from '#lib/protocol/sync.ts'

export const sha256Hex = (text: string): string => hash('sha256', text)

export type SagaOfChange = NonNullable<Change['saga']>

/** One element of `changes`, as far as it could be read. */
export type ReadChange = {
  /** Position in the request. */
  index: number
  raw: unknown
  opId: string | null
  seq: number | null
  recordId: string | null
  hlc: string | null
  /** Checksum of the data as it was received, and its size as canonical JSON. */
  checksum: string
  sizeBytes: number
  /** SHA-256 of what the operation does: two sendings of one operation have the same. */
  hash: string
  /** Unreadable, or not what the device made the checksum of. */
  damaged: boolean
  /** The saga it says it is a step of, also where the rest of the change cannot be read. */
  saga: SagaOfChange | null
  /** The scope in which it was made, where the record moved to another since. `change` names the present one. */
  madeIn?: string
  /** As it was sent, where the record moved since or its data was brought up from an older schema. */
  sent?: Change
  /** The schema its data is in, where that is not the batch's. */
  schemaVersion?: number
  /** The device gave that number for this table, and not for all it has. */
  declaresSchema?: boolean
} & ({ change: Change; fault: null } | { change: null; fault: Refusal<'invalid_change'> })

/** Reads each change on its own, so that a malformed one is refused alone. */
export function readChanges(raw: readonly unknown[]): ReadChange[] {
  return raw.map(readChange)
}

/** The same changes, with the schema that the device declared for their table where it did. */
export function declareSchemas(
  changes: readonly ReadChange[],
  versions: Readonly<Record<string, number>>,
): readonly ReadChange[] {
  return changes.map((read) => {
    const table = read.change?.table
    return table !== undefined && Object.hasOwn(versions, table)
      ? { ...read, schemaVersion: versions[table]!, declaresSchema: true }
      : read
  })
}

function readChange(raw: unknown, index: number): ReadChange {
  const unfaithful = findUnfaithful(raw)
  if (unfaithful) return unreadable(raw, index, [unfaithful])
  const plain = plainChange(raw)
  if (plain) return readable(raw, index, plain)
  const parsed = changeSchema.safeParse(raw)
  return parsed.success
    ? readable(raw, index, parsed.data)
    : unreadable(raw, index, parsed.error.issues.map(issueToFieldError))
}

function readable(raw: unknown, index: number, change: Change): ReadChange {
  const canonical = canonicalJson(change.data ?? null)
  const checksum = sha256Hex(canonical)
  return {
    index,
    raw,
    opId: change.op_id,
    seq: change.seq,
    recordId: change.record_id,
    saga: change.saga ?? null,
    hlc: change.hlc,
    change,
    fault: null,
    checksum,
    sizeBytes: Buffer.byteLength(canonical),
    hash: contentHash(change),
    damaged: checksum !== change.checksum,
  }
}

/** SHA-256 of what an operation does (`lib/protocol/confirm.ts`). */
export const contentHash = (change: Parameters<typeof hashOf>[0]): string => hashOf(change, sha256Hex)

/** The same of what nobody can read. */
export const unreadableHash = (raw: unknown): string => sha256Hex(contentText(raw))

/** What can be read of a change all the same tells where its refusal belongs. */
function unreadable(raw: unknown, index: number, errors: { pointer: string; detail: string }[]): ReadChange {
  const object: JsonObject = isJsonObject(raw) ? raw : {}
  const shown = errors.slice(0, 5)
  const detail = shown.map((error) => `${error.pointer || 'The change'} ${error.detail}`).join('; ')
  return {
    index,
    raw,
    opId: uuid.safeParse(object['op_id']).data ?? null,
    seq: Number.isSafeInteger(object['seq']) && Number(object['seq']) >= 1 ? Number(object['seq']) : null,
    recordId: uuid.safeParse(object['record_id']).data ?? null,
    saga: changeSchema.shape.saga.safeParse(object['saga']).data ?? null,
    hlc: hlcText.safeParse(object['hlc']).data ?? null,
    change: null,
    fault: { code: 'invalid_change' as const, detail: `${detail}.`, errors: shown },
    checksum: '',
    sizeBytes: 0,
    hash: unreadableHash(raw),
    damaged: true,
  }
}

function issueToFieldError(issue: z.core.$ZodIssue): { pointer: string; detail: string } {
  return { pointer: jsonPointer(issue.path), detail: issue.message }
}
