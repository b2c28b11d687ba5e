'use client'

import { createColumnHelper } from '@tanstack/react-table'
import { FilterChips } from '#components/list/filter-chips.tsx'
import { ListFrame } from '#components/list/list-frame.tsx'
import { ClearFilters, NoMatch } from '#components/list/no-match.tsx'
import { useFilters } from '#components/list/use-filters.ts'
import { Badge } from '#components/ui/badge.tsx'
import { DataTable } from '#components/ui/data-table/data-table.tsx'
import type { features } from '#components/ui/data-table/features.ts'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { shortenMiddle } from '#components/ui/shorten.ts'
import { Time } from '#components/ui/time.tsx'
import type { RecordState } from '#lib/protocol/console.ts'
import { recordPath } from './address.ts'
import { Link } from '#components/ui/link.tsx'

const column = createColumnHelper<typeof features, RecordState>()

const columns = column.columns([
  column.display({
    id: 'record',
    header: 'Record',
    meta: { width: '150px' },
    cell: ({ row: { original } }) => (
      <Link
        href={recordPath({ scope: original.scope, table: original.table, id: original.record_id })}
        className="row-link font-mono text-12"
      >
        {shortenMiddle(original.record_id)}
      </Link>
    ),
  }),
  column.accessor('table', {
    header: 'Table',
    meta: { width: '22%' },
    cell: ({ getValue }) => <Badge mono>{getValue()}</Badge>,
  }),
  column.accessor('scope', { header: 'Scope', meta: { width: '12%', wide: true } }),
  column.display({
    id: 'data',
    header: 'Data',
    meta: { wide: true },
    cell: ({ row: { original } }) => (
      <span className="font-mono text-12 text-muted">
        {original.data ? JSON.stringify(original.data).slice(0, 200) : 'deleted'}
      </span>
    ),
  }),
  column.accessor('version', { header: 'Version', meta: { width: '76px', align: 'end' } }),
  column.accessor('updated_at', {
    header: 'Changed',
    meta: { width: '112px', align: 'end', wide: true },
    cell: ({ getValue }) => <Time at={getValue()} className="text-muted" />,
  }),
])

type RecordListProps = { items: RecordState[]; total: number; nextCursor: string | null }

export function RecordList({ items, total, nextCursor }: RecordListProps) {
  const { values, set, clear, filtered, pending } = useFilters(['table', 'scope', 'deleted'])
  return (
    <ListFrame
      noun="records"
      shown={items.length}
      total={total}
      nextCursor={nextCursor}
      pending={pending}
      filters={
        filtered ? (
          <>
            <FilterChips
              names={{ table: 'table', scope: 'scope', deleted: 'deleted' }}
              values={values}
              onRemove={(name) => set({ [name]: null })}
            />
            <ClearFilters shown onClear={clear} />
          </>
        ) : null
      }
    >
      <DataTable
        label="Records"
        rows={items}
        columns={columns}
        rowId={(row) => `${row.scope} ${row.table} ${row.record_id}`}
        empty={
          filtered ? (
            <NoMatch noun="record" onClear={clear} />
          ) : (
            <EmptyState title="No record was synced yet">
              A record appears here when the first device sends it.
            </EmptyState>
          )
        }
      />
    </ListFrame>
  )
}
