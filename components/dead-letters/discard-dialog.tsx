'use client'

import { useRouter } from 'next/navigation'
import { useId, useState } from 'react'
import { ProblemNotice } from '#components/api/problem-notice.tsx'
import { write } from '#components/api/request.ts'
import { useWrite } from '#components/api/use-write.ts'
import { Button } from '#components/ui/button.tsx'
import { Dialog } from '#components/ui/dialog.tsx'
import { Field, Input } from '#components/ui/field.tsx'

type DiscardDialogProps = { id: string; etag: string; open: boolean; onOpenChange: (open: boolean) => void }

/** Discarding wants a reason and can be taken back. */
export function DiscardDialog({ id, etag, open, onOpenChange }: DiscardDialogProps) {
  const router = useRouter()
  const formId = useId()
  const [reason, setReason] = useState('')
  const { busy, problem, run } = useWrite()
  const discard = async () => {
    const done = await run(async () => {
      await write(`/api/v1/dead-letters/${id}/discard`, {
        body: { reason: reason.trim() },
        ifMatch: etag,
        idempotencyKey: `discard-${id}-${crypto.randomUUID()}`,
      })
    })
    if (!done) return
    onOpenChange(false)
    router.refresh()
  }
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title="Discard this change"
      description="The work in it will not reach the record. It is kept here and can be restored."
      actions={
        <>
          <Button onClick={() => onOpenChange(false)}>Keep it</Button>
          <Button kind="danger" type="submit" form={formId} busy={busy} disabled={reason.trim() === ''}>
            Discard 1 change
          </Button>
        </>
      }
    >
      <form
        id={formId}
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault()
          void discard()
        }}
      >
        <Field label="Reason, for the audit">
          {(control) => (
            <Input
              {...control}
              value={reason}
              maxLength={1000}
              required
              onChange={(event) => setReason(event.target.value)}
            />
          )}
        </Field>
        <ProblemNotice title="Not discarded" problem={problem} />
      </form>
    </Dialog>
  )
}
