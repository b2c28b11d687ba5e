'use client'

import { useState } from 'react'

type HeldRowsOptions<Row> = {
  rowId: (row: Row) => string
  /** Somebody is in the list, with the pointer or the focus. */
  held: boolean
  /** What was asked for: filters, sort, page. Rows that come after it changed are what the person wants to see. */
  view: string
}

/**
 * Keeps rows where they are while `held`: their contents go on being updated, but none moves, appears or goes
 * until the person has left. `waiting` tells how many are in another place by now.
 */
export function useHeldRows<Row>(rows: readonly Row[], { rowId, held, view }: HeldRowsOptions<Row>) {
  const [state, setState] = useState({ shown: rows, latest: rows, view, asked: false })
  if (state.view !== view) {
    setState({ ...state, view, asked: true })
  } else if (state.latest !== rows) {
    const accept = !held || state.asked
    setState({ shown: accept ? rows : state.shown, latest: rows, view, asked: false })
  } else if (!held && state.shown !== rows) {
    setState({ ...state, shown: rows })
  }
  if (state.shown === rows) return { rows, waiting: 0 }
  const fresh = new Map(rows.map((row) => [rowId(row), row]))
  const known = new Set(state.shown.map(rowId))
  const arrived = rows.filter((row) => !known.has(rowId(row))).length
  const gone = state.shown.filter((row) => !fresh.has(rowId(row))).length
  return { rows: state.shown.map((row) => fresh.get(rowId(row)) ?? row), waiting: Math.max(arrived, gone) }
}
