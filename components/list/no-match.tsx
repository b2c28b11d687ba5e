'use client'

import type { ReactNode } from 'react'
import { Button } from '#components/ui/button.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'

type NoMatchProps = {
  /** `conflict`: for "No conflict matches these filters". */
  noun: string
  onClear: () => void
  children?: ReactNode
}

/** A list that is empty because of its filters, and the way out. */
export function NoMatch({ noun, onClear, children }: NoMatchProps) {
  return (
    <EmptyState
      title={`No ${noun} matches these filters`}
      action={<Button onClick={onClear}>Clear filters</Button>}
    >
      {children ?? 'There may be others: the filters leave them out.'}
    </EmptyState>
  )
}

/** Stands after the filters as long as there are any. */
export function ClearFilters({ shown, onClear }: { shown: boolean; onClear: () => void }) {
  return shown ? (
    <Button kind="quiet" onClick={onClear}>
      Clear filters
    </Button>
  ) : null
}
