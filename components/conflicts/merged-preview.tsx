'use client'

import type { ReactNode } from 'react'
import { DiffView } from '#components/ui/diff-view.tsx'
import { JsonView } from '#components/ui/json-view.tsx'
import { Panel } from '#components/ui/panel.tsx'
import { Tabs } from '#components/ui/tabs.tsx'
import { fieldChanges } from '#lib/core/field-diff.ts'
import type { Json } from '#lib/core/json.ts'
import type { FieldChange } from '#lib/protocol/console.ts'
import type { Merged } from './picks.ts'

type MergedPreviewProps = {
  merged: Merged
  server: Json
  client: Json
  /** Null where theirs moves the record nowhere. */
  move: { from: string; to: string; isTaken: boolean } | null
}

/** What resolving would write: as a difference to what the server has, to what the device has, and as a whole. */
export function MergedPreview({ merged, server, client, move }: MergedPreviewProps) {
  if (merged.data === null) {
    return (
      <Panel title="Result">
        <p className="text-crit">The record would be deleted.</p>
      </Panel>
    )
  }
  return (
    <Panel title="Result">
      {move ? (
        <p className="mb-2 break-words text-muted">
          {move.isTaken
            ? `The record goes from scope ${move.from} to ${move.to}.`
            : `The record stays in scope ${move.from}.`}
        </p>
      ) : null}
      <Tabs
        label="Result"
        tabs={[
          differenceTab('server', 'Changes here', fieldChanges(server, merged.data)),
          differenceTab('client', 'Changes there', fieldChanges(client, merged.data)),
          {
            value: 'whole',
            label: 'Whole record',
            panel: <JsonView label="Whole record after resolving" value={merged.data} className={scroll} />,
          },
        ]}
      />
    </Panel>
  )
}

const scroll = 'max-h-80 overflow-y-auto'

/** What resolving would change for one side. */
function differenceTab(side: 'server' | 'client', label: string, differences: FieldChange[]) {
  return {
    value: side,
    label,
    panel: (
      <Scroll label={label}>
        <DiffView
          label={`Against what the ${side === 'server' ? 'server' : 'device'} has`}
          differences={differences}
        />
      </Scroll>
    ),
  }
}

/** Who has no mouse scrolls with the arrow keys, so the focus comes here. */
function Scroll({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div role="region" aria-label={label} tabIndex={0} className={scroll}>
      {children}
    </div>
  )
}
