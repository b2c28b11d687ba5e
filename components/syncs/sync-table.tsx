'use client'

import { createColumnHelper } from '@tanstack/react-table'
import type { ReactNode } from 'react'
import { DeviceLink } from '#components/devices/device-link.tsx'
import { DataTable } from '#components/ui/data-table/data-table.tsx'
import type { features } from '#components/ui/data-table/features.ts'
import { formatBytes, formatCount, formatMs } from '#components/ui/quantity.ts'
import { Time } from '#components/ui/time.tsx'
import type { SyncItem } from '#lib/protocol/syncs.ts'
import { SyncMark } from './sync-mark.tsx'
import { Link } from '#components/ui/link.tsx'

const column = createColumnHelper<typeof features, SyncItem>()
const number = (value: number) => (value === 0 ? <span className="text-faint">0</span> : formatCount(value))

const columns = column.columns([
  column.accessor('outcome', {
    header: 'Outcome',
    meta: { width: '104px' },
    cell: ({ getValue }) => <SyncMark outcome={getValue()} />,
  }),
  column.accessor('started_at', {
    header: 'Started',
    meta: { width: '148px' },
    cell: ({ row: { original } }) => (
      <Link href={`/syncs/${original.id}`} className="row-link">
        <Time at={original.started_at} show="absolute" />
      </Link>
    ),
  }),
  column.display({
    id: 'device',
    header: 'Device',
    cell: ({ row: { original } }) => <DeviceLink id={original.device_id} name={original.device_name} />,
  }),
  column.display({
    id: 'error',
    header: 'Error',
    meta: { width: '15%', wide: true },
    cell: ({ row: { original } }) =>
      original.error_code?.replaceAll('_', ' ') ??
      (original.resync ? (
        <span className="text-muted">resync: {original.resync.replaceAll('_', ' ')}</span>
      ) : null),
  }),
  column.accessor('pushed', {
    header: 'Pushed',
    meta: { width: '72px', align: 'end', wide: true },
    cell: ({ getValue }) => number(getValue()),
  }),
  column.accessor('conflicts', {
    header: 'Conflicts',
    meta: { width: '84px', align: 'end', wide: true },
    cell: ({ getValue }) => number(getValue()),
  }),
  column.accessor('rejected', {
    header: 'Rejected',
    meta: { width: '80px', align: 'end', wide: true },
    cell: ({ getValue }) => number(getValue()),
  }),
  column.accessor('pulled', {
    header: 'Pulled',
    meta: { width: '72px', align: 'end', wide: true },
    cell: ({ getValue }) => number(getValue()),
  }),
  column.display({
    id: 'bytes',
    header: 'Bytes in · out',
    meta: { width: '132px', align: 'end', wide: true },
    cell: ({ row: { original } }) => (
      <span className="text-muted">
        {formatBytes(original.request_bytes)} · {formatBytes(original.response_bytes)}
      </span>
    ),
  }),
  column.accessor('duration_ms', {
    header: 'Took',
    meta: { width: '80px', align: 'end', wide: true },
    cell: ({ getValue }) => formatMs(getValue()),
  }),
])

const withoutDevice = columns.filter((each) => each.id !== 'device' && each.id !== 'bytes')

type SyncTableProps = {
  items: SyncItem[]
  empty: ReactNode
  label?: string
  /** All of one device: naming it in every row says nothing. */
  ofOneDevice?: boolean
}

export function SyncTable({ items, empty, label = 'Syncs', ofOneDevice = false }: SyncTableProps) {
  return (
    <DataTable
      label={label}
      rows={items}
      columns={ofOneDevice ? withoutDevice : columns}
      rowId={(row) => row.id}
      empty={empty}
    />
  )
}
