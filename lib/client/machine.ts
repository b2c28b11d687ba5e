/** The sync engine's state, as people know it from the design and as devices report it. */
export type SyncState = 'IDLE' | 'CHECKING' | 'PUSHING' | 'RESOLVING' | 'RETRYING' | 'FAILED' | 'COMPLETE'

export type SyncEvent =
  /** Somebody or something wants a sync: the app, a timer, an edit, a poke. */
  | 'trigger'
  /** Nothing to push, and everything the server had is here. */
  | 'no_changes'
  /** There is something to push. */
  | 'has_changes'
  /** The server answered, and there is more to push or to pull. */
  | 'more'
  /** The server answered with conflicts; they are being marked. */
  | 'conflict'
  /** Everything pushed is answered, everything waiting is pulled. */
  | 'done'
  /** An attempt failed in a way that another attempt may cure. */
  | 'failure'
  /** The last attempt that the policy allows has failed. */
  | 'retries_exhausted'
  /** It failed in a way that trying again cannot cure. */
  | 'fatal'
  /** The app stopped the device in the middle. */
  | 'stopped'
  /** The result was reported; ready for the next trigger. */
  | 'settled'

/**
 * Every state against every event; null where the event cannot happen. A state or an event without
 * its cells does not compile.
 */
export const TRANSITIONS: Record<SyncState, Record<SyncEvent, SyncState | null>> = {
  IDLE: {
    trigger: 'CHECKING',
    no_changes: null,
    has_changes: null,
    more: null,
    conflict: null,
    done: null,
    failure: null,
    retries_exhausted: null,
    fatal: null,
    stopped: null,
    settled: null,
  },
  CHECKING: {
    trigger: null,
    no_changes: 'COMPLETE',
    has_changes: 'PUSHING',
    more: 'CHECKING',
    conflict: null,
    done: null,
    failure: 'RETRYING',
    retries_exhausted: null,
    fatal: 'FAILED',
    stopped: 'IDLE',
    settled: null,
  },
  PUSHING: {
    trigger: null,
    no_changes: null,
    has_changes: null,
    more: 'PUSHING',
    conflict: 'RESOLVING',
    done: 'COMPLETE',
    failure: 'RETRYING',
    retries_exhausted: null,
    fatal: 'FAILED',
    stopped: 'IDLE',
    settled: null,
  },
  RESOLVING: {
    trigger: null,
    no_changes: null,
    has_changes: null,
    more: 'PUSHING',
    conflict: null,
    done: 'COMPLETE',
    failure: 'RETRYING',
    retries_exhausted: null,
    fatal: 'FAILED',
    stopped: 'IDLE',
    settled: null,
  },
  RETRYING: {
    trigger: null,
    no_changes: null,
    has_changes: null,
    more: 'PUSHING',
    conflict: 'RESOLVING',
    done: 'COMPLETE',
    failure: 'RETRYING',
    retries_exhausted: 'FAILED',
    fatal: 'FAILED',
    stopped: 'IDLE',
    settled: null,
  },
  FAILED: {
    trigger: 'CHECKING',
    no_changes: null,
    has_changes: null,
    more: null,
    conflict: null,
    done: null,
    failure: null,
    retries_exhausted: null,
    fatal: null,
    stopped: null,
    settled: null,
  },
  COMPLETE: {
    trigger: 'CHECKING',
    no_changes: null,
    has_changes: null,
    more: null,
    conflict: null,
    done: null,
    failure: null,
    retries_exhausted: null,
    fatal: null,
    stopped: null,
    settled: 'IDLE',
  },
}

/**
 * The state after an event.
 * @throws Error if the event cannot happen in this state: a fault of the engine, not of the world
 */
export function transition(state: SyncState, event: SyncEvent): SyncState {
  const next = TRANSITIONS[state][event]
  if (next === null) throw new Error(`sync state machine: ${event} cannot happen in ${state}`)
  return next
}
