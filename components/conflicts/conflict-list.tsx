'use client'

import { createColumnHelper } from '@tanstack/react-table'
import { DeviceLink } from '#components/devices/device-link.tsx'
import { StateList } from '#components/list/state-list.tsx'
import { Badge } from '#components/ui/badge.tsx'
import type { features } from '#components/ui/data-table/features.ts'
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
      <Link
        href={`/conflicts/${original.id}`}
        title={original.table}
        className="row-link flex items-baseline gap-1.5"
      >
        <span className="truncate">{original.table}</span>
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

const filters = {
  table: 'table',
  scope: 'scope',
  device_id: 'device',
  record_id: 'record',
  field: 'field',
  code: 'code',
}

const states = [
  {
    ...{ value: 'open', label: 'Open', noun: 'open conflicts' },
    empty: {
      title: 'No open conflicts',
      words:
        'Every concurrent edit found its place by its table’s rules. One that needs a person will appear here.',
      isGood: true,
    },
  },
  {
    ...{ value: 'resolved', label: 'Resolved', noun: 'resolved conflicts' },
    empty: {
      title: 'Nothing was resolved yet',
      words: 'Conflicts that a person settled are kept here, with their reasons.',
    },
  },
] as const

type ConflictListProps = { items: ConflictItem[]; total: number; nextCursor: string | null }

export function ConflictList(page: ConflictListProps) {
  return (
    <StateList
      label="Conflicts"
      noun="conflict"
      states={states}
      filters={filters}
      columns={columns}
      {...page}
    />
  )
}
