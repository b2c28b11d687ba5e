'use client'

import { Dialog } from '#components/ui/dialog.tsx'
import { DiffView } from '#components/ui/diff-view.tsx'
import { Fact, Facts } from '#components/ui/panel.tsx'
import { ShortId } from '#components/ui/short-id.tsx'
import { Time } from '#components/ui/time.tsx'
import { fieldChanges } from '#lib/core/field-diff.ts'
import type { AuditItem } from '#lib/protocol/access.ts'
import { TargetLink } from './target-link.tsx'

/** One entry whole: who, what, why, and what it changed. */
export function AuditEntry({ item, onClose }: { item: AuditItem | undefined; onClose: () => void }) {
  return (
    <Dialog
      wide
      open={item !== undefined}
      onOpenChange={(open) => !open && onClose()}
      title={item ? `${item.action.replaceAll('_', ' ').replace('.', ': ')}, entry ${item.id}` : 'Entry'}
    >
      {item ? (
        <div className="flex flex-col gap-5">
          <Facts>
            <Fact name="When">
              <Time at={item.at} show="both" />
            </Fact>
            <Fact name="Who">
              {item.actor.name || item.actor.id} <span className="text-faint">{item.actor.kind}</span>
            </Fact>
            <Fact name="About">
              <TargetLink target={item.target} id={item.target_id} />
            </Fact>
            <Fact name="Reason">{item.reason ?? 'none was given'}</Fact>
            {item.trace_id ? (
              <Fact name="Trace">
                <ShortId id={item.trace_id} label="trace id" />
              </Fact>
            ) : null}
          </Facts>
          <div>
            <h3 className="mb-2 text-13 font-semibold">What it changed</h3>
            <DiffView
              label="What it changed"
              differences={fieldChanges(item.before ?? {}, item.after ?? {})}
            />
          </div>
        </div>
      ) : null}
    </Dialog>
  )
}
