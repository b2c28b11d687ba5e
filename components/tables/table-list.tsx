'use client'

import { createColumnHelper } from '@tanstack/react-table'
import { ListFrame } from '#components/list/list-frame.tsx'
import { SearchBox } from '#components/list/search-box.tsx'
import { useFilters } from '#components/list/use-filters.ts'
import { tablePath } from '#components/records/address.ts'
import { DataTable } from '#components/ui/data-table/data-table.tsx'
import type { features } from '#components/ui/data-table/features.ts'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Time } from '#components/ui/time.tsx'
import type { Table } from '#lib/protocol/tables.ts'
import { Link } from '#components/ui/link.tsx'

const column = createColumnHelper<typeof features, Table>()

const columns = column.columns([
  column.accessor('name', {
    header: 'Table',
    cell: ({ getValue }) => (
      <Link href={tablePath(getValue())} className="row-link">
        {getValue()}
      </Link>
    ),
  }),
  column.accessor('strategy', { header: 'Strategy', meta: { width: '96px' } }),
  column.accessor('tiebreak', { header: 'Tiebreak', meta: { width: '96px', wide: true } }),
  column.accessor('priority', { header: 'Priority', meta: { width: '96px', wide: true } }),
  column.display({
    id: 'rules',
    header: 'Rules',
    meta: { width: '72px', align: 'end', wide: true },
    cell: ({ row: { original } }) => original.rules.length,
  }),
  column.accessor('schema_version', { header: 'Schema', meta: { width: '80px', align: 'end', wide: true } }),
  column.accessor('version', { header: 'Policy', meta: { width: '72px', align: 'end' } }),
  column.accessor('updated_at', {
    header: 'Changed',
    meta: { width: '112px', align: 'end', wide: true },
    cell: ({ getValue }) => <Time at={getValue()} className="text-muted" />,
  }),
])

export function TableList({
  items,
  total,
  nextCursor,
}: {
  items: Table[]
  total: number
  nextCursor: string | null
}) {
  const { values, set, pending } = useFilters(['q'])
  return (
    <ListFrame
      noun="tables"
      shown={items.length}
      total={total}
      nextCursor={nextCursor}
      pending={pending}
      filters={
        <SearchBox
          label="Search tables"
          value={values.q ?? ''}
          onChange={(q) => set({ q: q || null }, 'replace')}
        />
      }
    >
      <DataTable
        label="Tables"
        rows={items}
        columns={columns}
        rowId={(row) => row.name}
        empty={
          <EmptyState title={values.q === null ? 'No table has a policy yet' : 'No table is called so'}>
            A table exists from the moment its policy is put: PUT /api/v1/tables/name.
          </EmptyState>
        }
      />
    </ListFrame>
  )
}
