import type { Refusal } from '#lib/core/decide.ts'
import { limits, type Change } from '#lib/protocol/sync.ts'
import type { Hole } from './store.ts'

/** A hole of an operation that could not be read: it names no record, so it holds nothing back. */
const nameless: Omit<Hole, 'seq'> = {
  op_id: null,
  table: null,
  scope: null,
  record_id: null,
  saga_id: null,
  code: 'invalid_change',
  attempts: 0,
}

/**
 * Open holes of a stream that name no operation. Beyond these the oldest is forgotten: a device that fills it after all
 * is taken for a clone, and sends everything unanswered again in a new incarnation.
 */
const maxNameless = limits.max_changes

/** The open holes of a stream: as they were loaded, and as a batch leaves them. */
export class Holes {
  readonly #open: Map<number, Hole>
  readonly #touched = new Map<number, Hole | null>()

  constructor(loaded: readonly Hole[]) {
    this.#open = new Map(loaded.map((hole) => [hole.seq, hole]))
  }

  attempts(seq: number): number {
    return this.#open.get(seq)?.attempts ?? 0
  }

  open(seq: number, hole: Omit<Hole, 'seq'> = nameless): void {
    this.#open.set(seq, { ...hole, seq })
    this.#touched.set(seq, { ...hole, seq })
    if (hole.op_id === null) this.#forgetOldest()
  }

  close(seq: number): void {
    if (this.#open.delete(seq)) this.#touched.set(seq, null)
  }

  #forgetOldest(): void {
    const nameless = [...this.#open.values()].filter(({ op_id }) => op_id === null)
    if (nameless.length > maxNameless) this.close(Math.min(...nameless.map(({ seq }) => seq)))
  }

  /**
   * An operation waits where an earlier one of the same record is still open. The steps of a saga wait by its own order.
   * @param madeIn its scope at first, where the record moved since
   */
  holdBack(change: Change, seq: number, madeIn?: string): Refusal<'dependency_pending'> | null {
    for (const hole of this.#open.values()) {
      if (hole.seq >= seq) continue
      const sameRecord =
        hole.record_id === change.record_id &&
        hole.table === change.table &&
        (hole.scope === change.scope || hole.scope === madeIn)
      if (sameRecord) {
        return {
          code: 'dependency_pending',
          detail: `Operation ${hole.seq} on the same record must be answered first.`,
        }
      }
    }
    return null
  }

  /** What the batch opened or changed, and what it closed. */
  changes(): { open: Hole[]; close: number[] } {
    const touched = [...this.#touched]
    return {
      open: touched.flatMap(([, hole]) => (hole ? [hole] : [])),
      close: touched.flatMap(([seq, hole]) => (hole ? [] : [seq])),
    }
  }
}
