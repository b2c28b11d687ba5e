import type { JsonObject } from '#lib/core/json.ts'
import type { TextEdits } from '#lib/core/text/fields.ts'
import type { ConflictCode, Operation, Priority } from '#lib/protocol/sync.ts'

/** Which record: an id is unique within its scope and table. */
export interface RecordKey {
  readonly scope: string
  readonly table: string
  readonly id: string
}

/** What the server last said a record is; `data` is null where it was deleted. */
export interface ServerState {
  readonly version: number
  readonly data: JsonObject | null
  readonly hlc: string | null
  /** Tells this state from another one that has the same version, after the server was restored. */
  readonly checksum: string
}

/** A conflict the server reported for one of this device's operations. */
export interface ConflictMark {
  readonly opId: string
  readonly conflictId: string | null
  readonly code: ConflictCode
  /** Dotted paths that clash. */
  readonly fields: readonly string[]
  /** This device's side as it shows it; null where it wanted the record gone. */
  readonly mine: JsonObject | null
  /** The later operation that came to `mine`, where the server took an edit of this side since. */
  readonly mineOpId?: string
  /** What the operation in conflict wanted itself, where `mine` went on from there. */
  readonly wanted?: JsonObject | null
  /** The rest of what is in conflict. */
  readonly edit: Omit<EditContent, 'data'>
  /** The server's version this device's side was made on. */
  readonly baseVersion: number
  readonly baseChecksum: string | null
  readonly serverVersion: number
  readonly serverData: JsonObject | null
  readonly baseData: JsonObject | null
  readonly atMs: number
}

/** A local row. It exists while the server has the record, or this device has something to say about it. */
export interface StoredRecord extends RecordKey {
  readonly server: ServerState | null
  /** Ordinals of the unanswered operations on this record, oldest first. */
  readonly pending: readonly number[]
  /** What the app sees instead of the server's state, while edits are pending or in conflict. */
  readonly local: { readonly data: JsonObject | null } | null
  readonly conflicts: readonly ConflictMark[]
  /** Counts this device's edits of the record. */
  readonly localVersion: number
  readonly updatedAtMs: number
  /** Deleted by an answer: kept until the feed has passed that, so that older news cannot bring it back. */
  readonly isBuried?: boolean
  /** This device moved the record to that scope: it is shown there, and what the server has of it here is not. */
  readonly movedTo?: string | null
}

/** Steps of one business transaction: applied in order, undone where one of them fails. */
export interface SagaPlace {
  readonly id: string
  /** From 1. */
  readonly step: number
  readonly steps: number
}

/** What an operation says, but for its name and its place in the queue. */
export type EditContent = Omit<
  PendingOperation,
  'ordinal' | 'opId' | 'seq' | 'wasSent' | 'isShared' | 'hole' | 'firstAnswer'
>

/** One edit on its way to the server. */
export interface PendingOperation extends RecordKey {
  readonly ordinal: number
  readonly opId: string
  readonly priority: Priority
  readonly operation: Operation
  /** The scope it was made in, where the record has gone on to another since. */
  readonly madeIn?: string | null
  /** Set where it moves the record: the scope that it leaves. */
  readonly fromScope?: string | null
  readonly baseVersion: number
  /** Of the server's state at that version; null for a CREATE. */
  readonly baseChecksum: string | null
  readonly baseOpId: string | null
  readonly data: JsonObject | null
  /** How its texts were edited, from what the operation was made on to `data`, where that is known. */
  readonly textOps: TextEdits | null
  readonly hlc: string
  readonly checksum: string
  /** Of the data as it was made, where a register in it was stamped anew since. */
  readonly firstChecksum?: string | null
  readonly sizeBytes: number
  readonly editedAtMs: number
  /** The ordinal under which it was first made, where it was set aside since and handed back under another. */
  readonly madeAs?: number | null
  /** Of the app that made it: an update of the app does not change what was made before. */
  readonly schemaVersion: number
  readonly saga: SagaPlace | null
  /** Refused operations whose edits it holds: it sends them again. */
  readonly contains?: readonly string[]
  /** Given at the first send of an incarnation, and kept. */
  readonly seq: number | null
  /** Sent at least once, under whatever incarnation: the server may know it, so its content is settled. */
  readonly wasSent: boolean
  /** Set when this device found that it has a twin, which may have sent this op id with other content. */
  readonly isShared: boolean
  /** Set once the server has refused it for now: it may come again, repaired. */
  readonly hole: {
    readonly code: string
    readonly attempts: number
    /** How often it was told to wait for another step of its saga. */
    readonly waits?: number
    readonly notBeforeMs: number
  } | null
  /** Set where it was answered before and is sent again, because the server may have lost that. */
  readonly firstAnswer: JournalAnswer | null
}

/** What the server answered to an operation, for good. */
export interface JournalAnswer {
  readonly kind: 'accepted' | 'conflict' | 'rejected'
  /** The outcome, the conflict's code, or why it was refused. */
  readonly code: string
  /** The record's version after it; null for a refusal. */
  readonly version: number | null
  /** The server's conflict or dead letter: another one shows that it was answered anew. */
  readonly ref?: string | null
  /** The scope in which it was answered, where its record had moved there and taken it along. */
  readonly scope?: string
}

/** An answered operation, as it was sent. */
export interface JournalEntry {
  readonly operation: PendingOperation
  /** The life in which it was sent, by its number on this device and its name on the wire. */
  readonly life: number
  readonly incarnation: string
  readonly answer: JournalAnswer
  /** By the server's clock. */
  readonly answeredAtMs: number
}

/** An operation that will not succeed as it is. Kept until the app sends it again or lets it go. */
export interface DeadLetter {
  readonly operation: PendingOperation
  readonly code: string
  readonly detail: string
  readonly attempts: number
  readonly atMs: number
  /** The server's dead letter, where the server has one. */
  readonly deadLetterId: string | null
  /** False while the server still has to be told that this device gave the operation up. */
  readonly isReported: boolean
  /** The app is done with it; it is only kept until the server has been told. */
  readonly isDismissed: boolean
}

/**
 * An edit that was set aside because its record left the device's scopes. It keeps what it was made
 * on: handed back, it is concurrent with whatever happened to the record meanwhile.
 */
export interface ReviewItem extends RecordKey {
  readonly opId: string
  /** `left_scope`: the record went where this device has no grant. `scope_forbidden`: the server refused the edit's scope. */
  readonly reason: 'left_scope' | 'scope_forbidden'
  readonly operation: Operation
  readonly data: JsonObject | null
  readonly edit: EditContent
  readonly serverData: JsonObject | null
  readonly atMs: number
}

export interface TableInfo {
  readonly strategy: string
  readonly priority: Priority
  readonly schemaVersion: number
}

/** Documents of the `meta` collection. */
export interface MetaDocuments {
  identity: {
    readonly deviceId: string
    readonly incarnation: string
    /** Counts this device's incarnations. */
    readonly life: number
    readonly token: string | null
    /** What it asks for as its token, until that is answered. */
    readonly proposedToken?: string | undefined
    readonly scopes: readonly string[]
    readonly tables: Readonly<Record<string, TableInfo>>
    readonly limits: {
      readonly chunkChanges: number
      readonly chunkBytes: number
      readonly maxRecordBytes: number
    }
  }
  clock: {
    readonly hlc: string
    /** Added to the device's clock for stamps, since the server found it wrong. */
    readonly offsetMs: number
  }
  queue: {
    readonly nextOrdinal: number
    readonly nextSeq: number
    readonly pending: Readonly<Record<Priority, number>>
  }
  feed: {
    readonly token: string | null
    readonly epoch: string | null
    readonly lastSyncAtMs: number | null
  }
  /** Rows that are buried. */
  graves: readonly RecordKey[]
  journal: {
    /** Size of the operations in it. */
    readonly bytes: number
    /** Key of the one sent last. */
    readonly lastKey: string | null
    /** The server has to be asked about everything in it, before anything new goes to it. */
    readonly mustAsk: boolean
    /** How far, by key, it was asked of that. */
    readonly askedUpTo: string | null
    /** Keys of what it was found to have lost. */
    readonly lost: readonly string[]
    /** No token that this device holds shows whether the server has the entries after this key; null: one does, of all. */
    readonly unprovenAfter: string | null
    /**
     * Keys of those whose answer leaves nothing in the feed, or in that of a scope that is gone: no token shows them, until it shows a later operation that the
     * server took while it knew them.
     */
    readonly traceless: readonly string[]
    /** What this device was granted when it heard last. */
    readonly scopes?: readonly string[]
    /** Operations in the queue that were in the journal before. */
    readonly resending: number
  }
  /** When the rows were last compared with the server's. */
  digest: { readonly atMs: number | null }
  rows: {
    /** Rows of this generation are the ones the app sees. */
    readonly generation: number
    /** A full sync under way fills the next generation. */
    readonly snapshot: {
      readonly generation: number
      readonly cursor: string | null
      readonly reason: string
    } | null
    /** Generations whose rows are still to be deleted. */
    readonly garbage: readonly number[]
  }
}

const LANES: Record<Priority, string> = { critical: '0', normal: '1', bulk: '2' }

/** Keys order as text, so numbers in them have a fixed width; 2^53 has sixteen digits. */
export function numberKey(value: number): string {
  return String(value).padStart(16, '0')
}

export function laneKey(priority: Priority, ordinal: number): string {
  return `${LANES[priority]}/${numberKey(ordinal)}`
}

export function lanePrefix(priority: Priority): string {
  return `${LANES[priority]}/`
}

export function generationPrefix(generation: number): string {
  return `${numberKey(generation)}/`
}

/** Scope and table are percent-encoded: a table's name may itself contain a slash. */
export function scopePrefix(generation: number, scope: string): string {
  return `${generationPrefix(generation)}${encodeURIComponent(scope)}/`
}

export function tablePrefix(generation: number, scope: string, table: string): string {
  return `${scopePrefix(generation, scope)}${encodeURIComponent(table)}/`
}

export function recordKey(generation: number, { scope, table, id }: RecordKey): string {
  return tablePrefix(generation, scope, table) + id
}
