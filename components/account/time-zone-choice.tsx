'use client'

import { useRouter } from 'next/navigation'
import { remember } from '#components/theme/remember.ts'
import { timeZoneCookie } from '#components/theme/theme.ts'
import { Select } from '#components/ui/select.tsx'
import { useHydrated } from './use-hydrated.ts'

/** One zone for every table, tooltip and axis. UTC is what everybody reads the same way. */
export function TimeZoneChoice({ timeZone }: { timeZone: string }) {
  const router = useRouter()
  const own = useHydrated() ? new Intl.DateTimeFormat().resolvedOptions().timeZone : undefined
  const zones = [...new Set(['UTC', timeZone, ...(own ? [own] : [])])]
  return (
    <div className="flex flex-wrap items-center gap-3">
      <Select
        label="Time zone"
        value={timeZone}
        choices={zones.map((zone) => ({
          value: zone,
          label: zone === own && zone !== 'UTC' ? `${zone} (this browser)` : zone,
        }))}
        onChange={(zone) => {
          remember(timeZoneCookie, zone)
          router.refresh()
        }}
      />
      <p className="text-muted">Tables, tooltips and charts show times in it.</p>
    </div>
  )
}
