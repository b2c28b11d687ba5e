'use client'

import { DataTable, type Columns } from '#components/ui/data-table/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { FilterChips } from './filter-chips.tsx'
import { ListFrame } from './list-frame.tsx'
import { ClearFilters, NoMatch } from './no-match.tsx'
import { Segments } from './segments.tsx'
import { useFilters } from './use-filters.ts'

/** One state that a list can be cut down to, and what it means that nothing is in it. */
export type ListState<State extends string> = {
  value: State
  label: string
  /** `open conflicts`: for "1–50 of 312 open conflicts". */
  noun: string
  empty: { title: string; words: string; isGood?: true }
}

type StateListProps<Row extends object, State extends string, Filter extends string> = {
  label: string
  /** `conflict`: for "No conflict matches". */
  noun: string
  /** The first is shown where the address names none. */
  states: readonly [ListState<State>, ...ListState<State>[]]
  /** Filters that other pages link to, with how they are called here. */
  filters: Readonly<Record<Filter, string>>
  columns: Columns<Row>
  rowName?: (row: Row) => string
  items: Row[]
  total: number
  nextCursor: string | null
}

/** A list of things that are in one state or another, narrowed by what its address says. */
export function StateList<
  Row extends { id: string; device_name: string | null },
  State extends string,
  Filter extends string,
>(props: StateListProps<Row, State, Filter>) {
  const { label, noun, states, filters, columns, rowName, items, total, nextCursor } = props
  const names = Object.keys(filters) as Filter[]
  const { values, set, clear, pending } = useFilters<string>(['state', ...names])
  const shown = states.find(({ value }) => value === values['state']) ?? states[0]
  const narrowed = names.some((name) => (values[name] ?? null) !== null)
  return (
    <ListFrame
      noun={shown.noun}
      shown={items.length}
      total={total}
      nextCursor={nextCursor}
      pending={pending}
      filters={
        <>
          <div className="max-w-full overflow-x-auto">
            <Segments
              label="State"
              value={shown.value}
              segments={states}
              onChange={(next) => set({ state: next === states[0].value ? null : next })}
            />
          </div>
          <FilterChips<string>
            names={filters}
            values={values}
            words={{ device_id: items[0]?.device_name }}
            onRemove={(name) => set({ [name]: null })}
          />
          <ClearFilters shown={narrowed} onClear={clear} />
        </>
      }
    >
      <DataTable
        label={label}
        rows={items}
        columns={columns}
        rowId={(row) => row.id}
        {...(rowName ? { rowName } : {})}
        empty={
          narrowed ? (
            <NoMatch noun={noun} onClear={clear} />
          ) : (
            <EmptyState title={shown.empty.title} {...(shown.empty.isGood ? { state: 'healthy' } : {})}>
              {shown.empty.words}
            </EmptyState>
          )
        }
      />
    </ListFrame>
  )
}
