'use client'

import { useId, useState, type ReactElement, type ReactNode } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Dialog } from '#components/ui/dialog.tsx'
import { Field, Input } from '#components/ui/field.tsx'
import { ProblemNotice } from './problem-notice.tsx'
import { useWrite } from './use-write.ts'

type ReasonDialogProps = {
  open: boolean
  onOpenChange: (open: boolean) => void
  trigger?: ReactElement
  title: ReactNode
  /** What it will do, and what stays. */
  description: ReactNode
  /** The words of the two buttons: to leave it, and to do it. */
  words: { keep: string; act: string }
  kind?: 'primary' | 'danger'
  /** What is over the problem, where it could not be done. */
  failed: string
  /** It says enough by itself, or can be taken back. */
  isReasonOptional?: boolean
  /** What is asked besides cannot be sent as it is. */
  disabled?: boolean
  wide?: boolean
  /** What is asked besides. */
  children?: ReactNode
  /** @throws ApiProblem, which is shown here; the dialog closes where there is none */
  onAct: (reason: string) => Promise<void>
}

/** Asks for the reason before a change of state that the audit keeps, and says here why one was refused. */
export function ReasonDialog({
  open,
  onOpenChange,
  trigger,
  title,
  description,
  words,
  kind = 'primary',
  failed,
  isReasonOptional = false,
  disabled = false,
  wide = false,
  children,
  onAct,
}: ReasonDialogProps) {
  const formId = useId()
  const [reason, setReason] = useState('')
  const { busy, problem, run, clear } = useWrite()
  const act = async () => {
    if (await run(() => onAct(reason.trim()))) change(false)
  }
  const change = (next: boolean) => {
    if (next) clear()
    onOpenChange(next)
  }
  return (
    <Dialog
      open={open}
      onOpenChange={change}
      {...(trigger ? { trigger } : {})}
      title={title}
      description={description}
      wide={wide}
      actions={
        <>
          <Button onClick={() => change(false)}>{words.keep}</Button>
          <Button
            kind={kind}
            type="submit"
            form={formId}
            busy={busy}
            disabled={disabled || (!isReasonOptional && reason.trim() === '')}
          >
            {words.act}
          </Button>
        </>
      }
    >
      <form
        id={formId}
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault()
          void act()
        }}
      >
        <Field label="Reason, for the audit">
          {(control) => (
            <Input
              {...control}
              value={reason}
              maxLength={1000}
              required={!isReasonOptional}
              {...(isReasonOptional ? { placeholder: 'Optional' } : {})}
              onChange={(event) => setReason(event.target.value)}
            />
          )}
        </Field>
        {children}
        <ProblemNotice title={failed} problem={problem} />
      </form>
    </Dialog>
  )
}
