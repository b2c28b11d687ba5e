'use client'

import { createColumnHelper } from '@tanstack/react-table'
import { DeviceLink } from '#components/devices/device-link.tsx'
import { StateList } from '#components/list/state-list.tsx'
import type { features } from '#components/ui/data-table/features.ts'
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
    meta: { width: '36%' },
    cell: ({ row: { original } }) => (
      <Link
        href={`/sagas/${original.id}`}
        title={original.tables.join(', ')}
        className="row-link flex items-baseline gap-1.5"
      >
        <span className="truncate">{original.tables.join(', ') || 'unreadable'}</span>
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

const filters = {
  device_id: 'device',
  table: 'table',
  scope: 'scope',
  min_age_seconds: 'older than, seconds',
}

const states = [
  {
    ...{ value: 'open', label: 'Open', noun: 'open sagas' },
    empty: {
      title: 'No saga is under way',
      words: 'What devices send as one transaction of several changes shows here until it has ended.',
    },
  },
  {
    ...{ value: 'stuck', label: 'Stuck', noun: 'stuck sagas' },
    empty: { title: 'No saga is stuck', words: 'Everything that had to be undone was.', isGood: true },
  },
  {
    ...{ value: 'compensated', label: 'Compensated', noun: 'compensated sagas' },
    empty: { title: 'No saga was undone', words: 'One whose step fails is undone, and is kept here.' },
  },
  {
    ...{ value: 'completed', label: 'Completed', noun: 'completed sagas' },
    empty: { title: 'No saga is complete yet', words: 'One is when its last step was applied.' },
  },
  {
    ...{ value: 'all', label: 'All', noun: 'sagas' },
    empty: { title: 'No sagas', words: 'No device has sent a transaction of several changes.' },
  },
] as const

type SagaListProps = { items: SagaItem[]; total: number; nextCursor: string | null }

export function SagaList(page: SagaListProps) {
  return (
    <StateList
      label="Sagas"
      noun="saga"
      states={states}
      filters={filters}
      columns={columns}
      rowName={(row) => `saga ${row.id}`}
      {...page}
    />
  )
}
