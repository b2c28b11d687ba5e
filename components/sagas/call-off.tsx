'use client'

import { useRouter } from 'next/navigation'
import { useId, useState } from 'react'
import { ProblemNotice } from '#components/api/problem-notice.tsx'
import { write } from '#components/api/request.ts'
import { useWrite } from '#components/api/use-write.ts'
import { Button } from '#components/ui/button.tsx'
import { Dialog } from '#components/ui/dialog.tsx'
import { Field, Input } from '#components/ui/field.tsx'

const words = {
  call_off: {
    open: 'Call off…',
    title: 'Call this saga off',
    description:
      'What its steps did is undone, newest first. What its device sends of it from now on goes to the dead letters.',
    keep: 'Let it run',
    act: 'Call off and undo',
  },
  again: {
    open: 'Try again…',
    title: 'Try again to undo',
    description: 'The steps that could not be undone are tried once more.',
    keep: 'Leave it',
    act: 'Undo what is left',
  },
}

/** Sets a running saga back, or tries again what of a stuck one could not be undone. */
export function CallOff({ id, etag, kind }: { id: string; etag: string; kind: keyof typeof words }) {
  const router = useRouter()
  const formId = useId()
  const [open, setOpen] = useState(false)
  const [reason, setReason] = useState('')
  const { busy, problem, run } = useWrite()
  const compensate = () =>
    run(async () => {
      await write(`/api/v1/sagas/${id}/compensate`, {
        body: { reason: reason.trim() },
        ifMatch: etag,
        idempotencyKey: `saga-compensate-${id}-${crypto.randomUUID()}`,
      })
      setOpen(false)
      router.refresh()
    })
  const { title, description, keep, act } = words[kind]
  return (
    <Dialog
      open={open}
      onOpenChange={setOpen}
      trigger={<Button>{words[kind].open}</Button>}
      title={title}
      description={description}
      actions={
        <>
          <Button onClick={() => setOpen(false)}>{keep}</Button>
          <Button kind="danger" type="submit" form={formId} busy={busy} disabled={reason.trim() === ''}>
            {act}
          </Button>
        </>
      }
    >
      <form
        id={formId}
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault()
          void compensate()
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
        <ProblemNotice title="Not done" problem={problem} />
      </form>
    </Dialog>
  )
}
