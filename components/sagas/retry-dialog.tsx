'use client'

import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { ReasonDialog } from '#components/api/reason-dialog.tsx'
import { write } from '#components/api/request.ts'
import { Button } from '#components/ui/button.tsx'
import { Field, TextArea } from '#components/ui/field.tsx'
import { plural } from '#components/ui/quantity.ts'
import { isJsonObject } from '#lib/core/json.ts'
import type { SagaDetail } from '#lib/protocol/sagas.ts'
import { readEdit } from './read-edit.ts'

/** Sends the whole saga again, the failed step mended where it must be; then shows what it went on as. */
export function RetryDialog({ saga }: { saga: SagaDetail }) {
  const router = useRouter()
  const [open, setOpen] = useState(false)
  const failed = saga.step_list.find(({ step }) => step === saga.failed_step)
  const sent = isJsonObject(failed?.change) ? failed.change['data'] : undefined
  const [text, setText] = useState(() => (isJsonObject(sent) ? JSON.stringify(sent, null, 2) : ''))
  const edit = isJsonObject(sent) ? readEdit(text, sent) : { kind: 'unchanged' as const }
  const all = plural(saga.steps, 'step')
  const retry = async (reason: string) => {
    const edits = edit.kind === 'changed' && failed ? [{ step: failed.step, data: edit.data }] : []
    const again = await write(`/api/v1/sagas/${saga.id}/retry`, {
      body: { reason, edits },
      ifMatch: saga.etag,
      idempotencyKey: `saga-retry-${saga.id}-${crypto.randomUUID()}`,
    })
    router.push(`/sagas/${(again as { id: string }).id}`)
  }
  return (
    <ReasonDialog
      open={open}
      onOpenChange={setOpen}
      trigger={<Button kind="primary">Retry {all}…</Button>}
      title="Retry the whole saga"
      description={`All ${all} are sent again under new ids, in their order. Where one fails again, all are undone again.`}
      words={{ keep: 'Leave it undone', act: `Retry ${all}` }}
      failed="Not retried"
      disabled={edit.kind === 'unreadable'}
      wide
      onAct={retry}
    >
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
    </ReasonDialog>
  )
}
