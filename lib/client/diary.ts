import { statusListLimit } from '#lib/protocol/sync.ts'
import type { FailureCode } from './failure.ts'
import { transition, type SyncEvent, type SyncState } from './machine.ts'

export interface Transition {
  readonly atMs: number
  readonly from: SyncState
  readonly to: SyncState
  readonly reason: string
}

export interface Mishap {
  readonly atMs: number
  readonly code: FailureCode
  readonly detail: string
}

/**
 * Where the sync engine stands, and what happened on the way: the part of it that the server has
 * not been told yet, bounded, oldest dropped first.
 */
export interface Diary {
  readonly state: () => SyncState
  dispatch(event: SyncEvent, reason: string): void
  mishap(code: FailureCode, detail: string): void
  /** What is to be reported. `told` forgets exactly that, once the server has it. */
  open(): { transitions: readonly Transition[]; mishaps: readonly Mishap[]; told: () => void }
}

export function openDiary(nowMs: () => number, onTransition: (step: Transition) => void): Diary {
  let state: SyncState = 'IDLE'
  let transitions: readonly Transition[] = []
  let mishaps: readonly Mishap[] = []
  return {
    state: () => state,
    dispatch(event, reason) {
      const from = state
      state = transition(from, event)
      if (state === from) return
      const step = { atMs: nowMs(), from, to: state, reason }
      transitions = [...transitions, step].slice(-statusListLimit)
      onTransition(step)
    },
    mishap(code, detail) {
      mishaps = [...mishaps, { atMs: nowMs(), code, detail }].slice(-statusListLimit)
    },
    open() {
      const told = { transitions, mishaps }
      return {
        ...told,
        told() {
          transitions = transitions.filter((step) => !told.transitions.includes(step))
          mishaps = mishaps.filter((mishap) => !told.mishaps.includes(mishap))
        },
      }
    },
  }
}
