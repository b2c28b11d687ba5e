'use client'

import { useRouter } from 'next/navigation'
import { useState, type ReactNode } from 'react'
import { FilterChips } from '#components/list/filter-chips.tsx'
import { ListFrame } from '#components/list/list-frame.tsx'
import { ClearFilters, NoMatch } from '#components/list/no-match.tsx'
import { Segments } from '#components/list/segments.tsx'
import { useFilters } from '#components/list/use-filters.ts'
import { EmptyState } from '#components/ui/empty-state.tsx'
import type { DeadLetterGroup, DeadLetterItem } from '#lib/protocol/console.ts'
import { BulkReplay } from './bulk-replay.tsx'
import { codeTitle } from './codes.ts'
import { GroupTable } from './group-table.tsx'
import { LetterTable } from './letter-table.tsx'

/** The two ways to look: what went wrong, and every letter by itself. */
export type DeadLetterView =
  | { kind: 'groups'; groups: DeadLetterGroup[]; total: number; nextCursor: string | null }
  | { kind: 'list'; items: DeadLetterItem[]; total: number; nextCursor: string | null }

const states = [
  { value: 'open', label: 'Open' },
  { value: 'replayed', label: 'Replayed' },
  { value: 'discarded', label: 'Discarded' },
] as const
type StateFilter = (typeof states)[number]['value']

const further = {
  fingerprint: 'group',
  table: 'table',
  scope: 'scope',
  device_id: 'device',
  record_id: 'record',
  code: 'code',
}

const views = [
  { value: 'groups', label: 'Groups' },
  { value: 'list', label: 'Letters' },
] as const

/** Why this person may not replay; absent when they may. */
export function DeadLetterList({ view, refusal }: { view: DeadLetterView; refusal?: string | undefined }) {
  const router = useRouter()
  const { values, set, clear, pending } = useFilters([
    'view',
    'state',
    'fingerprint',
    'table',
    'scope',
    'device_id',
    'record_id',
    'code',
  ])
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set())
  const state: StateFilter = states.find((each) => each.value === values.state)?.value ?? 'open'
  const narrowed = (Object.keys(further) as (keyof typeof further)[]).some((name) => values[name] !== null)

  const shown = view.kind === 'groups' ? view.groups.length : view.items.length
  const chosen = view.kind === 'list' ? view.items.filter((item) => picked.has(item.id)) : []
  const empty: ReactNode = narrowed ? (
    <NoMatch noun="dead letter" onClear={clear} />
  ) : state === 'open' ? (
    <EmptyState title="No dead letters" state="healthy">
      Every change devices sent was taken. One that can never be will wait here, whole, until somebody
      decides.
    </EmptyState>
  ) : (
    <EmptyState title={state === 'replayed' ? 'Nothing was replayed yet' : 'Nothing was discarded'}>
      What leaves the queue is kept here, with who did it and why.
    </EmptyState>
  )

  return (
    <ListFrame
      noun={view.kind === 'groups' ? 'groups' : `${state} dead letters`}
      shown={shown}
      total={view.total}
      nextCursor={view.nextCursor}
      pending={pending}
      filters={
        <>
          <Segments
            label="View"
            value={view.kind}
            segments={views}
            onChange={(next) =>
              set({ view: next === 'groups' ? null : next, fingerprint: null, state: null })
            }
          />
          {view.kind === 'list' ? (
            <Segments
              label="State"
              value={state}
              segments={states}
              onChange={(next) => set({ state: next === 'open' ? null : next })}
            />
          ) : null}
          <FilterChips
            names={further}
            values={values}
            words={{
              device_id: view.kind === 'list' ? view.items[0]?.device_name : null,
              fingerprint: view.kind === 'list' && view.items[0] ? codeTitle(view.items[0].code) : null,
            }}
            onRemove={(name) => set({ [name]: null })}
          />
          <ClearFilters shown={narrowed} onClear={clear} />
          <span className="flex-1" />
          {chosen.length > 0 ? (
            <BulkReplay
              letters={chosen}
              refusal={refusal}
              onDone={(all) => {
                if (all) setPicked(new Set())
                router.refresh()
              }}
            />
          ) : null}
        </>
      }
    >
      {view.kind === 'groups' ? (
        <GroupTable groups={view.groups} />
      ) : (
        <LetterTable
          items={view.items}
          empty={empty}
          {...(state === 'open' ? { selection: { ids: picked, onChange: setPicked } } : {})}
        />
      )}
    </ListFrame>
  )
}
