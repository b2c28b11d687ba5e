'use client'

import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { ProblemNotice } from '#components/api/problem-notice.tsx'
import { write } from '#components/api/request.ts'
import { useWrite } from '#components/api/use-write.ts'
import { Button } from '#components/ui/button.tsx'
import { Field, Input } from '#components/ui/field.tsx'

/** Takes a resolution back, for as long as the record is as it left it: the conflict is open again. */
export function UndoResolution({ id, etag }: { id: string; etag: string }) {
  const router = useRouter()
  const [asked, setAsked] = useState(false)
  const [reason, setReason] = useState('')
  const { busy, problem, run } = useWrite()
  const undo = () =>
    run(async () => {
      await write(`/api/v1/conflicts/${id}/undo`, {
        body: { reason: reason.trim() },
        ifMatch: etag,
        idempotencyKey: `undo-${id}-${crypto.randomUUID()}`,
      })
      router.refresh()
    })
  if (!asked) return <Button onClick={() => setAsked(true)}>Undo this resolution…</Button>
  return (
    <form
      className="flex flex-col gap-3"
      onSubmit={(event) => {
        event.preventDefault()
        void undo()
      }}
    >
      <Field
        label="Reason, for the audit"
        hint="The record goes back to its state before, as a new version; the conflict is open again."
      >
        {(control) => (
          <Input
            {...control}
            required
            value={reason}
            maxLength={1000}
            onChange={(event) => setReason(event.target.value)}
          />
        )}
      </Field>
      <ProblemNotice title="Not undone" problem={problem} />
      <div className="flex gap-2">
        <Button kind="primary" type="submit" busy={busy} disabled={reason.trim() === ''}>
          Undo this resolution
        </Button>
        <Button kind="quiet" onClick={() => setAsked(false)}>
          Keep it
        </Button>
      </div>
    </form>
  )
}
