'use client'

import { DiffView } from '#components/ui/diff-view.tsx'
import { fieldChanges } from '#lib/core/field-diff.ts'
import { JsonView } from '#components/ui/json-view.tsx'
import { Panel } from '#components/ui/panel.tsx'
import { Tabs } from '#components/ui/tabs.tsx'
import type { Json } from '#lib/core/json.ts'
import type { Merged } from './picks.ts'

/** What resolving would write: as a difference to what the server has, to what the device has, and as a whole. */
export function MergedPreview({ merged, server, client }: { merged: Merged; server: Json; client: Json }) {
  const scroll = 'max-h-80 overflow-y-auto'
  return (
    <Panel title="Result">
      {merged.data === null ? (
        <p className="text-crit">The record would be deleted.</p>
      ) : (
        <Tabs
          label="Result"
          tabs={[
            {
              value: 'server',
              label: 'Changes here',
              panel: (
                <div className={scroll}>
                  <DiffView
                    label="Against what the server has"
                    differences={fieldChanges(server, merged.data)}
                  />
                </div>
              ),
            },
            {
              value: 'client',
              label: 'Changes there',
              panel: (
                <div className={scroll}>
                  <DiffView
                    label="Against what the device has"
                    differences={fieldChanges(client, merged.data)}
                  />
                </div>
              ),
            },
            {
              value: 'whole',
              label: 'Whole record',
              panel: <JsonView label="Whole record after resolving" value={merged.data} className={scroll} />,
            },
          ]}
        />
      )}
    </Panel>
  )
}
