'use client'

import { createColumnHelper } from '@tanstack/react-table'
import type { ReactNode } from 'react'
import { DeviceLink } from '#components/devices/device-link.tsx'
import { DataTable } from '#components/ui/data-table/data-table.tsx'
import type { features } from '#components/ui/data-table/features.ts'
import { shortenMiddle } from '#components/ui/shorten.ts'
import { Time } from '#components/ui/time.tsx'
import type { DeadLetterItem } from '#lib/protocol/console.ts'
import { codeTitle } from './codes.ts'
import { DeadLetterMark } from './dead-letter-mark.tsx'
import { Link } from '#components/ui/link.tsx'

const column = createColumnHelper<typeof features, DeadLetterItem>()

const columns = column.columns([
  column.display({
    id: 'record',
    header: 'Record',
    meta: { width: '24%' },
    cell: ({ row: { original } }) => (
      <Link href={`/dead-letters/${original.id}`} className="row-link">
        {original.table ?? 'unreadable'}{' '}
        <span className="font-mono text-12 font-normal text-muted">
          {original.record_id ? shortenMiddle(original.record_id) : ''}
        </span>
      </Link>
    ),
  }),
  column.display({
    id: 'why',
    header: 'Why',
    cell: ({ row: { original } }) => (
      <>
        {codeTitle(original.code)} <span className="text-12 text-faint">{original.detail}</span>
      </>
    ),
  }),
  column.display({
    id: 'device',
    header: 'Device',
    meta: { width: '15%', wide: true },
    cell: ({ row: { original } }) => <DeviceLink id={original.device_id} name={original.device_name} />,
  }),
  column.accessor('attempts', { header: 'Attempts', meta: { width: '84px', align: 'end', wide: true } }),
  column.accessor('state', {
    header: 'State',
    meta: { width: '112px', wide: true },
    cell: ({ getValue }) => <DeadLetterMark state={getValue()} />,
  }),
  column.accessor('created_at', {
    header: 'Since',
    meta: { width: '104px', align: 'end' },
    cell: ({ getValue }) => <Time at={getValue()} className="text-muted" />,
  }),
])

type LetterTableProps = {
  items: DeadLetterItem[]
  empty: ReactNode
  selection?: { ids: ReadonlySet<string>; onChange: (ids: ReadonlySet<string>) => void }
}

export function LetterTable({ items, empty, selection }: LetterTableProps) {
  return (
    <DataTable
      label="Dead letters"
      rows={items}
      columns={columns}
      rowId={(row) => row.id}
      rowName={(row) => `${row.table ?? 'unreadable'} ${row.record_id ?? row.id}`}
      {...(selection ? { selection } : {})}
      empty={empty}
    />
  )
}
