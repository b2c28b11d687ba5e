'use client'

import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { ReasonDialog } from '#components/api/reason-dialog.tsx'
import { write } from '#components/api/request.ts'
import { Button } from '#components/ui/button.tsx'

/** Takes a resolution back, for as long as the record is as it left it: the conflict is open again. */
export function UndoResolution({ id, etag }: { id: string; etag: string }) {
  const router = useRouter()
  const [open, setOpen] = useState(false)
  return (
    <ReasonDialog
      open={open}
      onOpenChange={setOpen}
      trigger={<Button>Undo this resolution…</Button>}
      title="Undo this resolution"
      description="The record goes back to its state before, as a new version; the conflict is open again."
      words={{ keep: 'Keep it', act: 'Undo the resolution' }}
      failed="Not undone"
      onAct={async (reason) => {
        await write(`/api/v1/conflicts/${id}/undo`, {
          body: { reason },
          ifMatch: etag,
          idempotencyKey: `undo-${id}-${crypto.randomUUID()}`,
        })
        router.refresh()
      }}
    />
  )
}
