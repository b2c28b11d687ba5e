'use client'

import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { ReasonDialog } from '#components/api/reason-dialog.tsx'
import { write } from '#components/api/request.ts'
import { Button } from '#components/ui/button.tsx'

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
  const [open, setOpen] = useState(false)
  const { title, description, keep, act } = words[kind]
  return (
    <ReasonDialog
      open={open}
      onOpenChange={setOpen}
      trigger={<Button>{words[kind].open}</Button>}
      title={title}
      description={description}
      words={{ keep, act }}
      kind="danger"
      failed="Not done"
      onAct={async (reason) => {
        await write(`/api/v1/sagas/${id}/compensate`, {
          body: { reason },
          ifMatch: etag,
          idempotencyKey: `saga-compensate-${id}-${crypto.randomUUID()}`,
        })
        router.refresh()
      }}
    />
  )
}
