'use client'

import { createColumnHelper } from '@tanstack/react-table'
import type { ReactNode } from 'react'
import { DataTable } from '#components/ui/data-table/data-table.tsx'
import type { features } from '#components/ui/data-table/features.ts'
import type { Sorting } from '#components/ui/data-table/sort-head.tsx'
import { LiveValue } from '#components/ui/live-value.tsx'
import { formatCount, formatSeconds } from '#components/ui/quantity.ts'
import { StateMark } from '#components/ui/state-mark.tsx'
import type { DeviceItem } from '#lib/protocol/devices.ts'
import { isSkewed, reasonWords, skewWords } from './reasons.ts'
import { Link } from '#components/ui/link.tsx'

const column = createColumnHelper<typeof features, DeviceItem>()
const none = <span className="text-faint">–</span>

const columns = column.columns([
  column.accessor('state', {
    header: 'State',
    meta: { width: '104px', sort: 'state' },
    cell: ({ getValue }) => (
      <LiveValue value={getValue()}>
        <StateMark state={getValue()} />
      </LiveValue>
    ),
  }),
  column.accessor('name', {
    header: 'Name',
    meta: { width: '14%', sort: 'name' },
    cell: ({ row: { original } }) => (
      <span className="flex items-center gap-2">
        <Link href={`/devices/${original.id}`} className="row-link truncate">
          {original.name}
        </Link>
        {original.is_syncing ? <span className="animate-pulse-soft text-12 text-accent">syncing</span> : null}
      </span>
    ),
  }),
  column.display({
    id: 'why',
    header: 'Why',
    meta: { wide: true },
    cell: ({ row: { original } }) => {
      const [first, ...others] = original.reasons
      if (!first) return none
      return (
        <span
          className="text-muted"
          title={original.reasons.map((each) => reasonWords(each, original)).join('\n')}
        >
          {reasonWords(first, original)}
          {others.length > 0 ? <span className="text-faint"> +{others.length}</span> : null}
        </span>
      )
    },
  }),
  column.accessor('scopes', {
    header: 'Scopes',
    meta: { width: '10%', wide: true },
    cell: ({ getValue }) => {
      const [first, ...others] = getValue()
      if (first === undefined) return none
      return (
        <span title={getValue().join(', ')}>
          {first}
          {others.length > 0 ? <span className="text-faint"> +{others.length}</span> : null}
        </span>
      )
    },
  }),
  column.accessor('lag_seconds', {
    header: 'Lag',
    meta: { width: '88px', align: 'end', sort: 'lag' },
    cell: ({ row: { original } }) =>
      original.status === 'revoked' ? none : formatSeconds(Math.round(original.lag_seconds)),
  }),
  column.accessor('pending', {
    header: 'Pending',
    meta: { width: '84px', align: 'end', sort: 'pending', wide: true },
    cell: ({ getValue }) => (
      <LiveValue value={getValue()}>{getValue() === 0 ? none : formatCount(getValue())}</LiveValue>
    ),
  }),
  column.display({
    id: 'error',
    header: 'Last error',
    meta: { width: '10%', wide: true },
    cell: ({ row: { original } }) => original.last_error?.code.replaceAll('_', ' ') ?? none,
  }),
  column.accessor('clock_skew_ms', {
    header: 'Clock',
    meta: { width: '112px', align: 'end', sort: 'skew', wide: true },
    cell: ({ getValue }) =>
      isSkewed(getValue()) ? skewWords(getValue()) : <span className="text-faint">exact</span>,
  }),
  column.display({
    id: 'app',
    header: 'App',
    meta: { width: '124px', sort: 'app_version', wide: true },
    cell: ({ row: { original } }) => (
      <>
        {original.app_version || none} <span className="text-12 text-faint">{original.platform}</span>
      </>
    ),
  }),
])

export function DeviceTable({
  items,
  sorting,
  empty,
}: {
  items: DeviceItem[]
  sorting: Sorting
  empty: ReactNode
}) {
  return (
    <DataTable
      label="Devices"
      rows={items}
      columns={columns}
      rowId={(row) => row.id}
      sorting={sorting}
      empty={empty}
    />
  )
}
