import type { ModelDatabase } from '../../model/model-database.ts'
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

  constructor(scene: Scene) {
    this.scene = scene
  }

  readonly check = (invariant: Invariant, holds: boolean, detail: () => string): void => {
    this.checks.set(invariant, (this.checks.get(invariant) ?? 0) + 1)
    if (holds || this.violation) return
    this.violation = { invariant, detail: detail(), atMs: this.scene.elapsedMs() }
    this.scene.note(`${invariant}: ${this.violation.detail}`)
  }
}
