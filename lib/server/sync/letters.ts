import type { Base } from '#lib/core/decide.ts'
import { isJsonObject, jsonEqual, type JsonObject } from '#lib/core/json.ts'
import type { Change } from '#lib/protocol/sync.ts'
import type { LoadedLetter, ResentRow } from './settling-rows.ts'
import type { AnswerKind, Loaded } from './store.ts'

type Sent = ResentRow['sent'][number]

/** A refused edit, as its dead letter has it. */
type Held = {
  isReplayed: boolean
  schemaVersion: number
  data: JsonObject | null
  written: LoadedLetter['written']
}

/** What was taken already of a change, since an operation that it holds was. */
export type Taken = {
  /** The change is made on that: what it has beside is all that is new in it. */
  base: Base
  /** There is nothing beside. */
  isAll: boolean
}

/** Refused operations that came again within others (`contains`), and what becomes of their dead letters. */
export class Letters {
  /** Ids of those that are replayed. */
  readonly #replayed: readonly string[]
  readonly #held = new Map<string, Held[]>()
  readonly #sent = new Map<string, Sent>()

  constructor(letters: Loaded['letters'] = []) {
    this.#replayed = letters.flatMap(({ id, state }) => (state === 'replayed' ? [id] : []))
    for (const { op_id: opId, state, schema_version: schemaVersion, change, written } of letters) {
      const data = dataOf(change)
      if (data === undefined) continue
      const held = { isReplayed: state === 'replayed', schemaVersion, data, written }
      this.#held.set(opId, [...(this.#held.get(opId) ?? []), held])
    }
  }

  /**
   * What a change is made on, where an operation that it holds was replayed: its edit is in the record, or waits there for
   * a person. So it is where the operation itself had been taken, and was refused since its answer is kept no more. The
   * last of several has the earlier ones in it.
   * @param schemaVersion of the change's data
   */
  takenOf({ contains = [], data = null }: Change, schemaVersion: number): Taken | null {
    for (const opId of contains.toReversed()) {
      const isSent = this.#isReplayed(opId)
      const all = this.#held.get(opId) ?? []
      const replayed = all.find(({ isReplayed }) => isReplayed || isSent)
      const held = replayed ?? all.find(({ written }) => written !== null)
      if (!held) continue
      // What it wrote may be what a copy of the device sent under the same id, or what came of it and of other edits.
      const isAsWritten = replayed !== undefined || jsonEqual(held.written?.data ?? null, held.data)
      const isComparable = held.schemaVersion === schemaVersion && isAsWritten
      return {
        base: { data: isComparable ? held.data : undefined, standsOn: null },
        isAll: isComparable && jsonEqual(held.data, data),
      }
    }
    return null
  }

  /** An operation was answered for good. @param isInStream it is its device's own, and no replay */
  answered(
    { op_id: by, contains = [] }: Change,
    { kind, code }: { kind: AnswerKind; code: string | null | undefined },
    isInStream: boolean,
  ): void {
    const isKept = kind === 'rejected' || code === 'stale_version'
    // A replay that failed leaves everything as it was.
    if (isKept && !isInStream) return
    const outcome = isKept ? 'discarded' : kind === 'conflict' ? 'conflict' : 'replayed'
    const reason = reasonOf(kind, code, isInStream)
    for (const opId of contains) {
      if (!this.#isReplayed(opId)) this.#sent.set(opId, { op_id: opId, by, outcome, reason })
    }
  }

  /** What is to be written of it; null where there is nothing. */
  row(device: string | null): ResentRow | null {
    if (device === null || this.#sent.size === 0) return null
    return { device, replayed: [...this.#replayed], sent: [...this.#sent.values()] }
  }

  #isReplayed(opId: string): boolean {
    const sent = this.#sent.get(opId)
    return sent !== undefined && sent.outcome !== 'discarded'
  }
}

function reasonOf(kind: AnswerKind, code: string | null | undefined, isInStream: boolean): string {
  if (!isInStream) return 'A later edit of its device, which holds it, was replayed.'
  switch (kind) {
    case 'accepted':
      return 'Its device sent it again.'
    case 'conflict':
      return code === 'stale_version'
        ? 'Its device sent it again, and another writer was first: the device keeps it.'
        : 'Its device sent it again, and it is in conflict.'
    case 'rejected':
      return 'Its device sent it again, and it was refused again: the newer dead letter holds it.'
  }
}

/** The state that a change wanted; undefined where it cannot be read, or was a step of a saga, which may be undone by now. */
function dataOf(text: string): JsonObject | null | undefined {
  try {
    const change: unknown = JSON.parse(text)
    if (!isJsonObject(change) || change['saga'] != null) return undefined
    const data = change['data'] ?? null
    return data === null || isJsonObject(data) ? data : undefined
  } catch {
    return undefined
  }
}
