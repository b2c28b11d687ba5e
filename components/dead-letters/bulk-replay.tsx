'use client'

import { useRef, useState } from 'react'
import { ApiProblem, write } from '#components/api/request.ts'
import { Button } from '#components/ui/button.tsx'
import { Refusal } from '#components/ui/notice.tsx'
import { plural } from '#components/ui/quantity.ts'
import { replayReplySchema, type DeadLetterItem } from '#lib/protocol/console.ts'

type BulkReplayProps = {
  letters: readonly DeadLetterItem[]
  refusal: string | undefined /** `all`: none was refused again. */
  onDone: (all: boolean) => void
}
type Tally = { done: number; again: number }

/** Replays the ticked letters one after the other, as they are, and counts what became of them. */
export function BulkReplay({ letters, refusal, onDone }: BulkReplayProps) {
  const [tally, setTally] = useState<Tally>()
  const [running, setRunning] = useState(false)
  const stop = useRef(false)
  if (refusal !== undefined) return <Refusal>{refusal}</Refusal>

  const replayAll = async () => {
    setRunning(true)
    stop.current = false
    const count: Tally = { done: 0, again: 0 }
    for (const letter of letters) {
      if (stop.current) break
      if (await replayOne(letter)) count.done += 1
      else count.again += 1
      setTally({ ...count })
    }
    setRunning(false)
    onDone(count.again === 0)
  }

  return (
    <div className="flex items-center gap-2" role="group" aria-label="Selected dead letters">
      {tally ? (
        <p role="status" className="text-muted tabular-nums">
          {plural(tally.done, 'change')} replayed
          {tally.again > 0 ? `, ${tally.again} refused again and still open` : ''}
        </p>
      ) : null}
      {running ? (
        <Button onClick={() => (stop.current = true)}>Stop</Button>
      ) : (
        <Button kind="primary" onClick={() => void replayAll()}>
          Replay {plural(letters.length, 'change')}
        </Button>
      )}
    </div>
  )
}

async function replayOne(letter: DeadLetterItem): Promise<boolean> {
  try {
    const reply = await write(`/api/v1/dead-letters/${letter.id}/replay`, {
      body: { dry_run: false },
      ifMatch: `"${letter.version}"`,
      idempotencyKey: `replay-${letter.id}-${letter.version}`,
    })
    return replayReplySchema.parse(reply).kind !== 'rejected'
  } catch (error) {
    if (error instanceof ApiProblem) return false
    throw error
  }
}
