'use client'

import { useRouter } from 'next/navigation'
import { useId, useState } from 'react'
import { ProblemNotice } from '#components/api/problem-notice.tsx'
import { write } from '#components/api/request.ts'
import { useWrite } from '#components/api/use-write.ts'
import { Button } from '#components/ui/button.tsx'
import { Dialog } from '#components/ui/dialog.tsx'
import { Field, Input } from '#components/ui/field.tsx'
import { Icon } from '#components/ui/icon.tsx'
import { Menu, MenuItem, MenuSeparator } from '#components/ui/menu.tsx'
import type { DeviceStatus } from '#lib/protocol/devices.ts'

type Action = 'pause' | 'resume' | 'resync' | 'revoke' | 'restore'

type ActionWords = {
  menu: string
  title: string
  what: string
  button: string
  danger?: true
  possible: readonly DeviceStatus[]
}

const actions: Record<Action, ActionWords> = {
  pause: {
    menu: 'Pause…',
    title: 'Pause this device',
    what: 'Its syncs wait until it is resumed. It keeps working offline and keeps every change.',
    button: 'Pause 1 device',
    possible: ['active'],
  },
  resume: {
    menu: 'Resume…',
    title: 'Resume this device',
    what: 'It syncs again from its next attempt on, and sends what it kept.',
    button: 'Resume 1 device',
    possible: ['paused'],
  },
  resync: {
    menu: 'Resync…',
    title: 'Have this device load everything anew',
    what: 'With its next sync it fetches a full snapshot. The changes it has not sent yet stay and are sent.',
    button: 'Resync 1 device',
    possible: ['active', 'paused'],
  },
  restore: {
    menu: 'Restore…',
    title: 'Restore this device',
    what: 'Its token opens the server again at once. A device that was lost or stolen should enrol anew instead.',
    button: 'Restore 1 device',
    possible: ['revoked'],
  },
  revoke: {
    menu: 'Revoke…',
    title: 'Revoke this device',
    what: 'Its token stops working at once. Changes that it has not sent stay on it, and are lost if it is wiped.',
    button: 'Revoke 1 device',
    danger: true,
    possible: ['active', 'paused'],
  },
}
const order: readonly Action[] = ['resync', 'pause', 'resume', 'restore', 'revoke']

type DeviceActionsProps = { id: string; name: string; status: DeviceStatus; refusal?: string | undefined }

/** What an admin can do to a device, each behind a sentence that says what it will do, and a reason. */
export function DeviceActions({ id, name, status, refusal }: DeviceActionsProps) {
  const [asked, setAsked] = useState<Action>()
  return (
    <>
      <Menu
        trigger={
          <Button>
            Actions <Icon name="chevron-down" width={14} height={14} />
          </Button>
        }
      >
        {refusal ? <p className="max-w-56 px-2 py-1.5 text-12 text-muted">{refusal}</p> : null}
        {refusal
          ? null
          : order
              .filter((action) => actions[action].possible.includes(status))
              .map((action) => (
                <div key={action}>
                  {action === 'revoke' ? <MenuSeparator /> : null}
                  <MenuItem danger={actions[action].danger ?? false} onClick={() => setAsked(action)}>
                    {actions[action].menu}
                  </MenuItem>
                </div>
              ))}
      </Menu>
      {asked ? (
        <ActionDialog key={asked} id={id} name={name} action={asked} onClose={() => setAsked(undefined)} />
      ) : null}
    </>
  )
}

function ActionDialog({
  id,
  name,
  action,
  onClose,
}: {
  id: string
  name: string
  action: Action
  onClose: () => void
}) {
  const router = useRouter()
  const formId = useId()
  const [reason, setReason] = useState('')
  const { busy, problem, run } = useWrite()
  const words = actions[action]
  const act = async () => {
    const done = await run(async () => {
      await write(`/api/v1/devices/${id}/${action}`, {
        body: { reason: reason.trim() },
        idempotencyKey: `${action}-${id}-${crypto.randomUUID()}`,
      })
    })
    if (!done) return
    onClose()
    router.refresh()
  }
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={words.title}
      description={
        <>
          <b className="font-medium text-ink">{name}.</b> {words.what}
        </>
      }
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind={words.danger ? 'danger' : 'primary'} type="submit" form={formId} busy={busy}>
            {words.button}
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
              placeholder="Optional"
              onChange={(event) => setReason(event.target.value)}
            />
          )}
        </Field>
        <ProblemNotice title="Nothing was changed" problem={problem} />
      </form>
    </Dialog>
  )
}
