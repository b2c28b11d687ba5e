'use client'

import { createColumnHelper } from '@tanstack/react-table'
import { DeviceLink } from '#components/devices/device-link.tsx'
import { FilterChips } from '#components/list/filter-chips.tsx'
import { ListFrame } from '#components/list/list-frame.tsx'
import { Segments } from '#components/list/segments.tsx'
import { useFilters } from '#components/list/use-filters.ts'
import { Button } from '#components/ui/button.tsx'
import { DataTable } from '#components/ui/data-table/data-table.tsx'
import type { features } from '#components/ui/data-table/features.ts'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Link } from '#components/ui/link.tsx'
import { shortenMiddle } from '#components/ui/shorten.ts'
import { Time } from '#components/ui/time.tsx'
import type { SagaItem } from '#lib/protocol/sagas.ts'
import { SagaMark } from './saga-mark.tsx'
import { whySetBack } from './words.ts'

const column = createColumnHelper<typeof features, SagaItem>()

const columns = column.columns([
  column.display({
    id: 'saga',
    header: 'Saga',
    meta: { width: '30%' },
    cell: ({ row: { original } }) => (
      <Link href={`/sagas/${original.id}`} className="row-link">
        {original.tables.join(', ') || 'unreadable'}{' '}
        <span className="font-mono text-12 font-normal text-muted">{shortenMiddle(original.id)}</span>
      </Link>
    ),
  }),
  column.accessor('state', {
    header: 'State',
    meta: { width: '136px' },
    cell: ({ getValue }) => <SagaMark state={getValue()} />,
  }),
  column.display({
    id: 'steps',
    header: 'Steps',
    meta: { width: '72px', align: 'end' },
    cell: ({ row: { original } }) => (
      <span className="tabular-nums">
        {original.applied} <span className="text-faint">of</span> {original.steps}
      </span>
    ),
  }),
  column.display({
    id: 'why',
    header: 'Set back by',
    meta: { wide: true },
    cell: ({ row: { original } }) => <span className="text-muted">{whySetBack(original)}</span>,
  }),
  column.display({
    id: 'device',
    header: 'Device',
    meta: { width: '16%', wide: true },
    cell: ({ row: { original } }) => <DeviceLink id={original.device_id} name={original.device_name} />,
  }),
  column.accessor('started_at', {
    header: 'Began',
    meta: { width: '104px', align: 'end', wide: true },
    cell: ({ getValue }) => <Time at={getValue()} className="text-muted" />,
  }),
])

const states = [
  { value: 'open', label: 'Open' },
  { value: 'stuck', label: 'Stuck' },
  { value: 'compensated', label: 'Compensated' },
  { value: 'completed', label: 'Completed' },
  { value: 'all', label: 'All' },
] as const
type StateFilter = (typeof states)[number]['value']

const empty: Record<StateFilter, { title: string; words: string }> = {
  open: {
    title: 'No saga is under way',
    words: 'What devices send as one transaction of several changes shows here until it has ended.',
  },
  stuck: { title: 'No saga is stuck', words: 'Everything that had to be undone was.' },
  compensated: { title: 'No saga was undone', words: 'One whose step fails is undone, and is kept here.' },
  completed: { title: 'No saga is complete yet', words: 'One is when its last step was applied.' },
  all: { title: 'No sagas', words: 'No device has sent a transaction of several changes.' },
}

const further = {
  device_id: 'device',
  table: 'table',
  scope: 'scope',
  min_age_seconds: 'older than, seconds',
}

type SagaListProps = { items: SagaItem[]; total: number; nextCursor: string | null }

export function SagaList({ items, total, nextCursor }: SagaListProps) {
  const { values, set, clear, pending } = useFilters([
    'state',
    'device_id',
    'table',
    'scope',
    'min_age_seconds',
  ])
  const state: StateFilter = states.find(({ value }) => value === values.state)?.value ?? 'open'
  const narrowed = (Object.keys(further) as (keyof typeof further)[]).some((name) => values[name] !== null)
  return (
    <ListFrame
      noun={state === 'all' ? 'sagas' : `${state} sagas`}
      shown={items.length}
      total={total}
      nextCursor={nextCursor}
      pending={pending}
      filters={
        <>
          <div className="max-w-full overflow-x-auto">
            <Segments
              label="State"
              value={state}
              segments={states}
              onChange={(next) => set({ state: next === 'open' ? null : next })}
            />
          </div>
          <FilterChips
            names={further}
            values={values}
            words={{ device_id: items[0]?.device_name }}
            onRemove={(name) => set({ [name]: null })}
          />
        </>
      }
    >
      <DataTable
        label="Sagas"
        rows={items}
        columns={columns}
        rowId={(row) => row.id}
        rowName={(row) => `saga ${row.id}`}
        empty={
          narrowed ? (
            <EmptyState
              title="No saga matches these filters"
              action={<Button onClick={clear}>Clear filters</Button>}
            >
              There may be others: the filters leave them out.
            </EmptyState>
          ) : (
            <EmptyState title={empty[state].title} {...(state === 'stuck' ? { state: 'healthy' } : {})}>
              {empty[state].words}
            </EmptyState>
          )
        }
      />
    </ListFrame>
  )
}
