'use client'

import { createColumnHelper } from '@tanstack/react-table'
import { DeviceLink } from '#components/devices/device-link.tsx'
import { FilterChips } from '#components/list/filter-chips.tsx'
import { ListFrame } from '#components/list/list-frame.tsx'
import { Segments } from '#components/list/segments.tsx'
import { useFilters } from '#components/list/use-filters.ts'
import { Badge } from '#components/ui/badge.tsx'
import { Button } from '#components/ui/button.tsx'
import { DataTable } from '#components/ui/data-table/data-table.tsx'
import type { features } from '#components/ui/data-table/features.ts'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { shortenMiddle } from '#components/ui/shorten.ts'
import { Time } from '#components/ui/time.tsx'
import type { ConflictItem } from '#lib/protocol/console.ts'
import { ConflictMark } from './conflict-mark.tsx'
import { Link } from '#components/ui/link.tsx'

const column = createColumnHelper<typeof features, ConflictItem>()

const columns = column.columns([
  column.display({
    id: 'record',
    header: 'Record',
    meta: { width: '26%' },
    cell: ({ row: { original } }) => (
      <Link href={`/conflicts/${original.id}`} className="row-link">
        {original.table}{' '}
        <span className="font-mono text-12 font-normal text-muted">{shortenMiddle(original.record_id)}</span>
      </Link>
    ),
  }),
  column.display({
    id: 'fields',
    header: 'Clash',
    cell: ({ row: { original } }) =>
      original.fields.length === 0 ? (
        <span className="text-muted">
          {original.operation === 'DELETE' ? 'they deleted it' : 'whole record'}
        </span>
      ) : (
        <span className="flex gap-1 overflow-hidden">
          {original.fields.slice(0, 3).map((field) => (
            <Badge key={field} mono>
              {field || 'whole record'}
            </Badge>
          ))}
          {original.fields.length > 3 ? (
            <span className="text-faint">+{original.fields.length - 3}</span>
          ) : null}
        </span>
      ),
  }),
  column.display({
    id: 'theirs',
    header: 'Theirs',
    meta: { width: '15%', wide: true },
    cell: ({ row: { original } }) => <DeviceLink id={original.device_id} name={original.device_name} />,
  }),
  column.display({
    id: 'ours',
    header: 'Ours',
    meta: { width: '15%', wide: true },
    cell: ({ row: { original } }) => (
      <DeviceLink id={original.server_device_id} name={original.server_device_name} />
    ),
  }),
  column.accessor('state', {
    header: 'State',
    meta: { width: '150px', wide: true },
    cell: ({ row: { original } }) => <ConflictMark state={original.state} choice={original.choice} />,
  }),
  column.accessor('created_at', {
    header: 'Since',
    meta: { width: '104px', align: 'end' },
    cell: ({ getValue }) => <Time at={getValue()} className="text-muted" />,
  }),
])

type ConflictListProps = { items: ConflictItem[]; total: number; nextCursor: string | null }

const further = {
  table: 'table',
  scope: 'scope',
  device_id: 'device',
  record_id: 'record',
  field: 'field',
  code: 'code',
}

const states = [
  { value: 'open', label: 'Open' },
  { value: 'resolved', label: 'Resolved' },
] as const

export function ConflictList({ items, total, nextCursor }: ConflictListProps) {
  const { values, set, clear, pending } = useFilters([
    'state',
    'table',
    'scope',
    'device_id',
    'record_id',
    'field',
    'code',
  ])
  const state = values.state === 'resolved' ? 'resolved' : 'open'
  const narrowed = (Object.keys(further) as (keyof typeof further)[]).some((name) => values[name] !== null)
  return (
    <ListFrame
      noun={state === 'open' ? 'open conflicts' : 'resolved conflicts'}
      shown={items.length}
      total={total}
      nextCursor={nextCursor}
      pending={pending}
      filters={
        <>
          <Segments
            label="State"
            value={state}
            segments={states}
            onChange={(next) => set({ state: next === 'open' ? null : next })}
          />
          <FilterChips
            names={further}
            values={values}
            words={{ device_id: items[0]?.device_name }}
            onRemove={(name) => set({ [name]: null })}
          />
          {narrowed ? (
            <Button kind="quiet" onClick={clear}>
              Clear filters
            </Button>
          ) : null}
        </>
      }
    >
      <DataTable
        label="Conflicts"
        rows={items}
        columns={columns}
        rowId={(row) => row.id}
        empty={
          narrowed ? (
            <EmptyState
              title="No conflict matches these filters"
              action={<Button onClick={clear}>Clear filters</Button>}
            >
              There may be others: the filters leave them out.
            </EmptyState>
          ) : state === 'open' ? (
            <EmptyState title="No open conflicts" state="healthy">
              Every concurrent edit found its place by its table’s rules. One that needs a person will appear
              here.
            </EmptyState>
          ) : (
            <EmptyState title="Nothing was resolved yet">
              Conflicts that a person settled are kept here, with their reasons.
            </EmptyState>
          )
        }
      />
    </ListFrame>
  )
}
