'use client'

import { useRouter } from 'next/navigation'
import { ReasonDialog } from '#components/api/reason-dialog.tsx'
import { write } from '#components/api/request.ts'

type DiscardDialogProps = { id: string; etag: string; open: boolean; onOpenChange: (open: boolean) => void }

/** Discarding wants a reason and can be taken back. */
export function DiscardDialog({ id, etag, open, onOpenChange }: DiscardDialogProps) {
  const router = useRouter()
  return (
    <ReasonDialog
      open={open}
      onOpenChange={onOpenChange}
      title="Discard this change"
      description="The work in it will not reach the record. It is kept here and can be restored."
      words={{ keep: 'Keep it', act: 'Discard 1 change' }}
      kind="danger"
      failed="Not discarded"
      onAct={async (reason) => {
        await write(`/api/v1/dead-letters/${id}/discard`, {
          body: { reason },
          ifMatch: etag,
          idempotencyKey: `discard-${id}-${crypto.randomUUID()}`,
        })
        router.refresh()
      }}
    />
  )
}
