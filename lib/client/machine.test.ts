import { describe, expect, test } from 'vitest'
import { transition, TRANSITIONS, type SyncEvent, type SyncState } from './machine.ts'

const STATES = Object.keys(TRANSITIONS) as SyncState[]

function walk(...events: SyncEvent[]): SyncState[] {
  let state: SyncState = 'IDLE'
  return events.map((event) => (state = transition(state, event)))
}

describe('the ways the design draws', () => {
  test('nothing to do', () => {
    expect(walk('trigger', 'no_changes', 'settled')).toEqual(['CHECKING', 'COMPLETE', 'IDLE'])
  })
  test('a push that succeeds', () => {
    expect(walk('trigger', 'has_changes', 'more', 'done')).toEqual([
      'CHECKING',
      'PUSHING',
      'PUSHING',
      'COMPLETE',
    ])
  })
  test('a conflict that is resolved', () => {
    expect(walk('trigger', 'has_changes', 'conflict', 'done').slice(2)).toEqual(['RESOLVING', 'COMPLETE'])
  })
  test('a failure that a retry cures', () => {
    expect(walk('trigger', 'has_changes', 'failure', 'failure', 'done').slice(2)).toEqual([
      'RETRYING',
      'RETRYING',
      'COMPLETE',
    ])
  })
  test('retries that run out, and a fresh start', () => {
    const way = walk('trigger', 'has_changes', 'failure', 'retries_exhausted', 'trigger')
    expect(way.slice(2)).toEqual(['RETRYING', 'FAILED', 'CHECKING'])
  })
})

test('only a failed attempt that was retried can run out of retries', () => {
  const from = STATES.filter((state) => TRANSITIONS[state].retries_exhausted !== null)
  expect(from).toEqual(['RETRYING'])
})

test('every state can be reached, and from every state a sync can complete', () => {
  const reachable = (start: SyncState): Set<SyncState> => {
    const seen = new Set<SyncState>([start])
    for (const state of seen) for (const next of Object.values(TRANSITIONS[state])) if (next) seen.add(next)
    return seen
  }
  expect([...reachable('IDLE')].sort()).toEqual([...STATES].sort())
  for (const state of STATES) expect(reachable(state)).toContain('COMPLETE')
})

test('an event that cannot happen is an error, not a silent step', () => {
  expect(() => transition('IDLE', 'done')).toThrow('done cannot happen in IDLE')
})
