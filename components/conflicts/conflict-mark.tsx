import { StateMark } from '#components/ui/state-mark.tsx'
import type { ConflictChoice } from '#lib/protocol/console.ts'

const choiceWords: Record<ConflictChoice, string> = { client: 'theirs', server: 'ours', merged: 'merged' }

/** An open conflict asks for a person; a resolved one says how. */
export function ConflictMark({
  state,
  choice,
}: {
  state: 'open' | 'resolved'
  choice: ConflictChoice | null
}) {
  if (state === 'open') return <StateMark state="warning" word="Open" />
  return <StateMark state="healthy" word={choice ? `Resolved, ${choiceWords[choice]}` : 'Resolved'} />
}
