'use client'

import { useMemo, useState } from 'react'
import type { ThreeStates } from '#lib/core/field-views.ts'
import type { FieldView } from '#lib/protocol/console.ts'
import {
  isPickable,
  mergePicks,
  movedPaths,
  pickOf,
  type Pick,
  type PickedSide,
  type Picks,
} from './picks.ts'

/**
 * What a person has decided about one conflict. The picks outlive a refresh of its states: when someone else was
 * faster they stay, and `moved` names the places to look at again.
 */
export function useResolution(fields: readonly FieldView[], states: ThreeStates, version: number) {
  const [picks, setPicks] = useState<Picks>({})
  const [began] = useState({ fields, version })
  const decidable = useMemo(
    () =>
      fields
        .filter((field) => field.kind !== 'unchanged' && field.kind !== 'same')
        .toSorted((one, other) => urgency(one) - urgency(other)),
    [fields],
  )
  const moved = useMemo(
    () => (version === began.version ? new Set<string>() : movedPaths(began.fields, fields)),
    [began, version, fields],
  )
  const merged = useMemo(() => mergePicks(fields, picks, states), [fields, picks, states])

  const firstUndecided = decidable.findIndex((field) => !pickOf(field, picks))
  const [active, setActive] = useState(Math.max(0, firstUndecided))

  const pick = (path: string, choice: Pick) => setPicks({ ...picks, [path]: choice })
  const pickAll = (from: 'client' | 'server') =>
    setPicks(Object.fromEntries(decidable.map((field) => [field.path, { from }])))
  const reset = () => setPicks({})

  /** Picks for the active place and goes on to the next one that waits. */
  const pickActive = (from: PickedSide) => {
    const field = decidable[active]
    if (!field || !isPickable(field, from)) return
    const next = { ...picks, [field.path]: { from } }
    setPicks(next)
    const waiting = decidable.findIndex((each, index) => index > active && !pickOf(each, next))
    if (waiting >= 0) setActive(waiting)
  }
  const move = (step: 1 | -1) => setActive(Math.min(Math.max(active + step, 0), decidable.length - 1))

  return {
    fields,
    decidable,
    picks,
    merged,
    moved,
    active,
    setActive,
    pick,
    pickAll,
    pickActive,
    move,
    reset,
  }
}

/** What waits for a decision first, what needs none last. */
function urgency({ kind }: FieldView): number {
  if (kind === 'clash') return 0
  return kind === 'joined' ? 2 : 1
}

export type Resolution = ReturnType<typeof useResolution>
