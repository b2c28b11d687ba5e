'use client'

import { useRouter } from 'next/navigation'
import { ProblemNotice } from '#components/api/problem-notice.tsx'
import { write } from '#components/api/request.ts'
import { useWrite } from '#components/api/use-write.ts'
import { Button } from '#components/ui/button.tsx'

/** Puts a discarded change back into the queue. */
export function RestoreButton({ id, etag }: { id: string; etag: string }) {
  const router = useRouter()
  const { busy, problem, run } = useWrite()
  const restore = () =>
    run(async () => {
      await write(`/api/v1/dead-letters/${id}/restore`, {
        body: { reason: 'taken back' },
        ifMatch: etag,
        idempotencyKey: `restore-${id}-${crypto.randomUUID()}`,
      })
      router.refresh()
    })
  return (
    <div className="flex flex-col items-start gap-3">
      <Button busy={busy} onClick={() => void restore()}>
        Restore this change
      </Button>
      <ProblemNotice title="Not restored" problem={problem} />
    </div>
  )
}
