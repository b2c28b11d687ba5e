'use client'

import { createColumnHelper } from '@tanstack/react-table'
import { useState } from 'react'
import { FilterChips } from '#components/list/filter-chips.tsx'
import { ListFrame } from '#components/list/list-frame.tsx'
import { ClearFilters, NoMatch } from '#components/list/no-match.tsx'
import { SearchBox } from '#components/list/search-box.tsx'
import { useFilters } from '#components/list/use-filters.ts'
import { DataTable } from '#components/ui/data-table/data-table.tsx'
import type { features } from '#components/ui/data-table/features.ts'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Select } from '#components/ui/select.tsx'
import { Time } from '#components/ui/time.tsx'
import type { AuditItem } from '#lib/protocol/access.ts'
import { AuditEntry } from './audit-entry.tsx'
import { TargetLink } from './target-link.tsx'

const column = createColumnHelper<typeof features, AuditItem>()

/** What the audit speaks of; the first part of an action. */
const nouns = [
  'any',
  'device',
  'conflict',
  'dead_letter',
  'record',
  'table',
  'saga',
  'server',
  'feed',
  'answers',
  'user',
  'api_key',
  'enrollment_key',
] as const

export function AuditList({
  items,
  total,
  nextCursor,
}: {
  items: AuditItem[]
  total: number
  nextCursor: string | null
}) {
  const { values, set, clear, filtered, pending } = useFilters([
    'q',
    'actor',
    'action',
    'target',
    'target_id',
  ])
  const [opened, setOpened] = useState<AuditItem>()
  const noun = nouns.find((each) => each === values.action) ?? 'any'
  const [columns] = useState(() => makeColumns(setOpened))
  return (
    <ListFrame
      noun="entries"
      shown={items.length}
      total={total}
      nextCursor={nextCursor}
      pending={pending}
      filters={
        <>
          <SearchBox
            label="Search the audit"
            value={values.q ?? ''}
            onChange={(q) => set({ q: q || null }, 'replace')}
          />
          <Select
            label="About"
            value={noun}
            choices={nouns.map((each) => ({
              value: each,
              label: each === 'any' ? 'anything' : each.replace('_', ' '),
            }))}
            onChange={(next) => set({ action: next === 'any' ? null : next })}
          />
          <FilterChips
            names={{ action: 'did', actor: 'by', target_id: 'about' }}
            values={{ ...values, action: noun === 'any' ? values.action : null }}
            words={{ action: values.action && actionWords(values.action) }}
            onRemove={(name) => set({ [name]: null })}
          />
          <ClearFilters shown={filtered} onClear={clear} />
        </>
      }
    >
      <DataTable
        label="Audit"
        rows={items}
        columns={columns}
        rowId={(row) => String(row.id)}
        empty={
          filtered ? (
            <NoMatch noun="entry" onClear={clear} />
          ) : (
            <EmptyState title="Nothing was done yet">
              Whatever people and the system decide is written here, and never changed.
            </EmptyState>
          )
        }
      />
      <AuditEntry item={opened} onClose={() => setOpened(undefined)} />
    </ListFrame>
  )
}

function actionWords(action: string): string {
  return action.replaceAll('_', ' ').replace('.', ': ')
}

function makeColumns(open: (item: AuditItem) => void) {
  return column.columns([
    column.accessor('at', {
      header: 'When',
      meta: { width: '148px' },
      cell: ({ getValue }) => <Time at={getValue()} show="absolute" className="text-muted" />,
    }),
    column.display({
      id: 'what',
      header: 'What',
      cell: ({ row: { original } }) => (
        <button type="button" onClick={() => open(original)} className="row-link rounded-sm">
          {actionWords(original.action)}
        </button>
      ),
    }),
    column.display({
      id: 'who',
      header: 'Who',
      meta: { width: '24%' },
      cell: ({ row: { original } }) => original.actor.name || original.actor.kind,
    }),
    column.display({
      id: 'target',
      header: 'About',
      meta: { width: '20%', wide: true },
      cell: ({ row: { original } }) => <TargetLink target={original.target} id={original.target_id} />,
    }),
    column.accessor('reason', {
      header: 'Reason',
      meta: { wide: true },
      cell: ({ getValue }) => getValue() ?? <span className="text-faint">–</span>,
    }),
  ])
}
