'use client'

import { FilterChips } from '#components/list/filter-chips.tsx'
import { ListFrame } from '#components/list/list-frame.tsx'
import { ClearFilters, NoMatch } from '#components/list/no-match.tsx'
import { Segments } from '#components/list/segments.tsx'
import { useFilters } from '#components/list/use-filters.ts'
import { EmptyState } from '#components/ui/empty-state.tsx'
import type { SyncItem } from '#lib/protocol/syncs.ts'
import { SyncTable } from './sync-table.tsx'

const outcomes = [
  { value: 'any', label: 'All' },
  { value: 'ok', label: 'OK' },
  { value: 'partial', label: 'Partial' },
  { value: 'failed', label: 'Failed' },
] as const

/** Filters that other pages link to; here they can be seen and taken away. */
const further = {
  device: 'device',
  scope: 'scope',
  table: 'table',
  app_version: 'app',
  error_code: 'error',
  trace_id: 'trace',
  sync_id: 'sync',
}

export function SyncList({
  items,
  total,
  nextCursor,
}: {
  items: SyncItem[]
  total: number
  nextCursor: string | null
}) {
  const { values, set, clear, filtered, pending } = useFilters([
    'outcome',
    'device',
    'scope',
    'table',
    'app_version',
    'error_code',
    'trace_id',
    'sync_id',
  ])
  const outcome = outcomes.find((each) => each.value === values.outcome)?.value ?? 'any'
  return (
    <ListFrame
      noun="syncs"
      shown={items.length}
      total={total}
      nextCursor={nextCursor}
      pending={pending}
      filters={
        <>
          <Segments
            label="Outcome"
            value={outcome}
            segments={outcomes}
            onChange={(next) => set({ outcome: next === 'any' ? null : next })}
          />
          <FilterChips
            names={further}
            values={values}
            words={{ device: items[0]?.device_name }}
            onRemove={(name) => set({ [name]: null })}
          />
          <ClearFilters shown={filtered} onClear={clear} />
        </>
      }
    >
      <SyncTable
        items={items}
        empty={
          filtered ? (
            <NoMatch noun="sync" onClear={clear}>
              There may be others, or they are older than what is kept.
            </NoMatch>
          ) : (
            <EmptyState title="No device has synced yet">
              Each request that a device makes is listed here, whatever came of it.
            </EmptyState>
          )
        }
      />
    </ListFrame>
  )
}
