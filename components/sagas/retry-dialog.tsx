'use client'

import { useRouter } from 'next/navigation'
import { useId, useState } from 'react'
import { ProblemNotice } from '#components/api/problem-notice.tsx'
import { write } from '#components/api/request.ts'
import { useWrite } from '#components/api/use-write.ts'
import { Button } from '#components/ui/button.tsx'
import { Dialog } from '#components/ui/dialog.tsx'
import { Field, Input, TextArea } from '#components/ui/field.tsx'
import { plural } from '#components/ui/quantity.ts'
import { isJsonObject } from '#lib/core/json.ts'
import type { SagaDetail } from '#lib/protocol/sagas.ts'
import { readEdit } from './read-edit.ts'

/** Sends the whole saga again, the failed step mended where it must be; then shows what it went on as. */
export function RetryDialog({ saga }: { saga: SagaDetail }) {
  const router = useRouter()
  const formId = useId()
  const [open, setOpen] = useState(false)
  const [reason, setReason] = useState('')
  const failed = saga.step_list.find(({ step }) => step === saga.failed_step)
  const sent = isJsonObject(failed?.change) ? failed.change['data'] : undefined
  const [text, setText] = useState(() => (isJsonObject(sent) ? JSON.stringify(sent, null, 2) : ''))
  const edit = isJsonObject(sent) ? readEdit(text, sent) : { kind: 'unchanged' as const }
  const { busy, problem, run } = useWrite()
  const retry = () =>
    run(async () => {
      const edits = edit.kind === 'changed' && failed ? [{ step: failed.step, data: edit.data }] : []
      const again = await write(`/api/v1/sagas/${saga.id}/retry`, {
        body: { reason: reason.trim(), edits },
        ifMatch: saga.etag,
        idempotencyKey: `saga-retry-${saga.id}-${crypto.randomUUID()}`,
      })
      setOpen(false)
      router.push(`/sagas/${(again as { id: string }).id}`)
    })
  return (
    <Dialog
      open={open}
      onOpenChange={setOpen}
      wide
      trigger={<Button kind="primary">Retry {plural(saga.steps, 'step')}…</Button>}
      title="Retry the whole saga"
      description={`All ${plural(saga.steps, 'step')} are sent again under new ids, in their order. Where one fails again, all are undone again.`}
      actions={
        <>
          <Button onClick={() => setOpen(false)}>Leave it undone</Button>
          <Button
            kind="primary"
            type="submit"
            form={formId}
            busy={busy}
            disabled={reason.trim() === '' || edit.kind === 'unreadable'}
          >
            Retry {plural(saga.steps, 'step')}
          </Button>
        </>
      }
    >
      <form
        id={formId}
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault()
          void retry()
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
        {failed && isJsonObject(sent) ? (
          <Field
            label={`Data of step ${failed.step}, which failed`}
            hint="As it was sent it fails again, unless its table or its record is another by now."
            error={edit.kind === 'unreadable' ? 'This is no JSON object.' : undefined}
          >
            {(control) => (
              <TextArea
                {...control}
                rows={Math.min(14, text.split('\n').length + 1)}
                spellCheck={false}
                value={text}
                onChange={(event) => setText(event.target.value)}
              />
            )}
          </Field>
        ) : null}
        <ProblemNotice title="Not retried" problem={problem} />
      </form>
    </Dialog>
  )
}
