'use client'

import { useState } from 'react'

/**
 * Keeps rows where they are while `held`: their contents go on being updated, but none moves, appears or goes
 * until the pointer or the focus has left. `waiting` tells how many are in another place by now.
 */
export function useHeldRows<Row>(rows: readonly Row[], rowId: (row: Row) => string, held: boolean) {
  const [shown, setShown] = useState<readonly Row[]>(rows)
  if (!held) {
    if (shown !== rows) setShown(rows)
    return { rows, waiting: 0 }
  }
  const fresh = new Map(rows.map((row) => [rowId(row), row]))
  const known = new Set(shown.map(rowId))
  const arrived = rows.filter((row) => !known.has(rowId(row))).length
  const gone = shown.filter((row) => !fresh.has(rowId(row))).length
  return { rows: shown.map((row) => fresh.get(rowId(row)) ?? row), waiting: Math.max(arrived, gone) }
}
