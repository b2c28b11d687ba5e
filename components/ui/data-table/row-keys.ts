'use client'

import type { RefObject } from 'react'
import { useShortcuts } from '#components/keyboard/shortcuts.ts'

/**
 * j and k walk the rows by moving the focus between the rows' own links, so that Enter opens, a screen
 * reader follows, and a live update cannot lose the place.
 */
export function useRowKeys(
  body: RefObject<HTMLTableSectionElement | null>,
  toggle?: (rowId: string) => void,
): void {
  const rows = () => [...(body.current?.querySelectorAll<HTMLTableRowElement>('tr[data-row-id]') ?? [])]
  const current = () => document.activeElement?.closest<HTMLTableRowElement>('tr[data-row-id]') ?? null
  const move = (step: 1 | -1) => {
    const all = rows()
    const from = current()
    const index = from ? all.indexOf(from) + step : step === 1 ? 0 : all.length - 1
    const target = all[Math.min(Math.max(index, 0), all.length - 1)]
    const link = target?.querySelector<HTMLElement>('a, button')
    link?.focus({ preventScroll: true })
    target?.scrollIntoView({ block: 'nearest' })
  }
  useShortcuts([
    { keys: 'j', does: 'Next row', group: 'List', run: () => move(1) },
    { keys: 'k', does: 'Previous row', group: 'List', run: () => move(-1) },
    ...(toggle
      ? [
          {
            keys: 'x',
            does: 'Select the row',
            group: 'List',
            run: () => {
              const id = current()?.dataset['rowId']
              if (id !== undefined) toggle(id)
            },
          },
        ]
      : []),
  ])
}
