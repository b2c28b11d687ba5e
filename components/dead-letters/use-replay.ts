'use client'

import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { write } from '#components/api/request.ts'
import { useWrite } from '#components/api/use-write.ts'
import type { JsonObject } from '#lib/core/json.ts'
import { replayReplySchema, type ReplayReply } from '#lib/protocol/console.ts'

type Target = { id: string; etag: string }

/** Dry run and replay of one dead letter, and what came of the last one. */
export function useReplay({ id, etag }: Target) {
  const router = useRouter()
  const [reply, setReply] = useState<ReplayReply>()
  const { busy, problem, run, clear } = useWrite()
  const send = (dryRun: boolean, change: JsonObject | undefined) =>
    run(async () => {
      setReply(undefined)
      const answer = await write(`/api/v1/dead-letters/${id}/replay`, {
        body: { dry_run: dryRun, ...(change ? { change } : {}) },
        ifMatch: etag,
        ...(dryRun ? {} : { idempotencyKey: `replay-${id}-${crypto.randomUUID()}` }),
      })
      setReply(replayReplySchema.parse(answer))
      if (!dryRun) router.refresh()
    })
  const forget = () => {
    setReply(undefined)
    clear()
  }
  return { busy, problem, reply, send, forget }
}
