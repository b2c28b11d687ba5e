import type { ModelDatabase } from '../../model/model-database.ts'
import { keyOf, type ResultRow, type Tables } from '../../model/tables.ts'
import type { Invariant, Violation } from './invariants.ts'

/** What the oracle sees of the world. */
export type Scene = {
  readonly database: ModelDatabase
  elapsedMs: () => number
  /** Adds to the trace. */
  note: (text: string) => void
  count: (name: string) => void
  /** Whether a device lives, or lived, in more than one store. */
  isCopied: (deviceId: string) => boolean
  /** The version of its app's schema. */
  appVersion: (deviceId: string) => number
}

/** Every look at an invariant. */
export class Ledger {
  /** How often each was looked at. */
  readonly checks = new Map<Invariant, number>()
  /** The first that did not hold: it ends the simulation. */
  violation: Violation | null = null
  /** How often the database went back to a backup. */
  restores = 0
  readonly scene: Scene
  /** Every answer for good that was committed, those included that are kept no more. */
  readonly #answers = new Map<string, ResultRow>()
  /** Operations of which an answer is kept no more. */
  readonly forgotten = new Set<string>()

  constructor(scene: Scene) {
    this.scene = scene
  }

  /** The answer to an operation as it is stored, or as it was where it is old, and said to be kept no more. */
  answer(opId: string): ResultRow | undefined {
    const { tables } = this.scene.database
    const stored = tables.get('results', opId)
    const given = this.#answers.get(opId)
    return stored ?? (given && isForgotten(tables, given) ? given : undefined)
  }

  /** Where the log of a scope begins: what lay there and below was compacted. */
  minSeq(scope: string): number {
    return this.scene.database.tables.get('heads', scope)?.min_seq ?? 0
  }

  answered(result: ResultRow): void {
    this.#answers.set(result.op_id, result)
  }

  /** Forgets the answers that a restored database never gave. */
  restored(tables: Tables): void {
    this.restores++
    for (const [opId, given] of this.#answers) {
      if (!tables.get('results', opId) && !isForgotten(tables, given)) this.#answers.delete(opId)
    }
  }

  readonly check = (invariant: Invariant, holds: boolean, detail: () => string): void => {
    this.checks.set(invariant, (this.checks.get(invariant) ?? 0) + 1)
    if (holds || this.violation) return
    this.violation = { invariant, detail: detail(), atMs: this.scene.elapsedMs() }
    this.scene.note(`${invariant}: ${this.violation.detail}`)
  }
}

function isForgotten(tables: Tables, { device_id, incarnation, seq }: ResultRow): boolean {
  return seq <= (tables.get('streams', keyOf(device_id, incarnation))?.pruned_seq ?? 0)
}
