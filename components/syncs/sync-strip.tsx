import type { ReactNode } from 'react'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Panel } from '#components/ui/panel.tsx'
import type { SyncItem } from '#lib/protocol/syncs.ts'
import { SyncTable } from './sync-table.tsx'

/** The last few syncs of something. */
export function SyncStrip({ title, syncs, more }: { title: string; syncs: SyncItem[]; more: ReactNode }) {
  return (
    <Panel title={title} flush actions={more}>
      <SyncTable
        ofOneDevice
        label={title}
        items={syncs}
        empty={
          <EmptyState title="It has not synced yet">Its syncs appear here from the first one on.</EmptyState>
        }
      />
    </Panel>
  )
}
