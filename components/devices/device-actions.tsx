'use client'

import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { ReasonDialog } from '#components/api/reason-dialog.tsx'
import { write } from '#components/api/request.ts'
import { Button } from '#components/ui/button.tsx'
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
  const words = actions[action]
  return (
    <ReasonDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={words.title}
      description={
        <>
          <b className="font-medium break-words text-ink">{name}.</b> {words.what}
        </>
      }
      words={{ keep: 'Cancel', act: words.button }}
      kind={words.danger ? 'danger' : 'primary'}
      failed="Nothing was changed"
      isReasonOptional
      onAct={async (reason) => {
        await write(`/api/v1/devices/${id}/${action}`, {
          body: { reason },
          idempotencyKey: `${action}-${id}-${crypto.randomUUID()}`,
        })
        router.refresh()
      }}
    />
  )
}
