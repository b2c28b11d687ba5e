'use client'

import { FilterChips } from '#components/list/filter-chips.tsx'
import { ListFrame } from '#components/list/list-frame.tsx'
import { ClearFilters, NoMatch } from '#components/list/no-match.tsx'
import { SearchBox } from '#components/list/search-box.tsx'
import { useFilters } from '#components/list/use-filters.ts'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Select, type Choice } from '#components/ui/select.tsx'
import { StateShape } from '#components/ui/state-mark.tsx'
import { healthStates, type HealthState } from '#lib/core/health.ts'
import type { DeviceItem } from '#lib/protocol/devices.ts'
import { defaultDeviceSort } from './device-sort.ts'
import { DeviceTable } from './device-table.tsx'

const stateChoices: Choice<HealthState | 'any'>[] = [
  { value: 'any', label: 'any' },
  ...healthStates.map((state) => ({ value: state, label: state, mark: <StateShape state={state} /> })),
]

const activityChoices = [
  { value: 'any', label: 'any' },
  { value: 'active', label: 'active' },
  { value: 'syncing', label: 'syncing now' },
] as const

const further = { scope: 'scope', platform: 'platform', app_version: 'app' }

export function DeviceList({
  items,
  total,
  nextCursor,
}: {
  items: DeviceItem[]
  total: number
  nextCursor: string | null
}) {
  const { values, set, clear, filtered, pending } = useFilters([
    'q',
    'state',
    'activity',
    'scope',
    'platform',
    'app_version',
    'sort',
  ])
  const state = healthStates.find((each) => each === values.state) ?? 'any'
  const activity = activityChoices.find((each) => each.value === values.activity)?.value ?? 'any'
  return (
    <ListFrame
      noun="devices"
      shown={items.length}
      total={total}
      nextCursor={nextCursor}
      pending={pending}
      filters={
        <>
          <SearchBox
            label="Search devices"
            value={values.q ?? ''}
            onChange={(q) => set({ q: q || null }, 'replace')}
          />
          <Select
            label="State"
            value={state}
            choices={stateChoices}
            onChange={(next) => set({ state: next === 'any' ? null : next })}
          />
          <Select
            label="Activity"
            value={activity}
            choices={activityChoices}
            onChange={(next) => set({ activity: next === 'any' ? null : next })}
          />
          <FilterChips names={further} values={values} onRemove={(name) => set({ [name]: null })} />
          <ClearFilters shown={filtered} onClear={clear} />
        </>
      }
    >
      <DeviceTable
        items={items}
        sorting={{ value: values.sort ?? defaultDeviceSort, onChange: (sort) => set({ sort }) }}
        empty={
          filtered ? (
            <NoMatch noun="device" onClear={clear} />
          ) : (
            <EmptyState title="No device is enrolled yet">
              A device appears here the moment it enrols with an enrolment key. The README shows how in ten
              lines.
            </EmptyState>
          )
        }
      />
    </ListFrame>
  )
}
