'use client'

import { createColumnHelper } from '@tanstack/react-table'
import { Badge } from '#components/ui/badge.tsx'
import { DataTable } from '#components/ui/data-table/data-table.tsx'
import type { features } from '#components/ui/data-table/features.ts'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { LiveValue } from '#components/ui/live-value.tsx'
import { formatCount } from '#components/ui/quantity.ts'
import { Time } from '#components/ui/time.tsx'
import type { DeadLetterGroup } from '#lib/protocol/console.ts'
import { codeTitle } from './codes.ts'
import { Link } from '#components/ui/link.tsx'

const column = createColumnHelper<typeof features, DeadLetterGroup>()

const columns = column.columns([
  column.display({
    id: 'what',
    header: 'What went wrong',
    cell: ({ row: { original } }) => (
      <span className="flex min-w-0 items-baseline gap-2">
        <Link
          href={`/dead-letters?view=list&fingerprint=${encodeURIComponent(original.fingerprint)}`}
          className="row-link shrink-0"
        >
          {codeTitle(original.code)}
        </Link>
        <span className="truncate text-12 text-faint phone:hidden">{original.pattern}</span>
      </span>
    ),
  }),
  column.accessor('table', {
    header: 'Table',
    meta: { width: '22%', wide: true },
    cell: ({ getValue }) => <Badge mono>{getValue() ?? '–'}</Badge>,
  }),
  column.accessor('open', {
    header: 'Open',
    meta: { width: '72px', align: 'end' },
    cell: ({ getValue }) => (
      <LiveValue value={getValue()} className="font-semibold">
        {formatCount(getValue())}
      </LiveValue>
    ),
  }),
  column.accessor('devices', {
    header: 'Devices',
    meta: { width: '84px', align: 'end', wide: true },
    cell: ({ getValue }) => formatCount(getValue()),
  }),
  column.accessor('first_seen', {
    header: 'First',
    meta: { width: '104px', align: 'end', wide: true },
    cell: ({ getValue }) => <Time at={getValue()} className="text-muted" />,
  }),
  column.accessor('last_seen', {
    header: 'Last',
    meta: { width: '104px', align: 'end' },
    cell: ({ getValue }) => <Time at={getValue()} className="text-muted" />,
  }),
])

export function GroupTable({ groups }: { groups: DeadLetterGroup[] }) {
  return (
    <DataTable
      label="Groups of dead letters"
      rows={groups}
      columns={columns}
      rowId={(row) => row.fingerprint}
      empty={
        <EmptyState title="No dead letters" state="healthy">
          Every change devices sent was taken. One that can never be will wait here, whole, until somebody
          decides.
        </EmptyState>
      }
    />
  )
}
