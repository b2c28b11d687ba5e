import { StateMark, type State } from '#components/ui/state-mark.tsx'
import type { DeadLetterItem } from '#lib/protocol/console.ts'

const looks: Record<DeadLetterItem['state'], { state: State; word: string }> = {
  open: { state: 'critical', word: 'Open' },
  replaying: { state: 'unknown', word: 'Replaying' },
  replayed: { state: 'healthy', word: 'Replayed' },
  discarded: { state: 'revoked', word: 'Discarded' },
}

export function DeadLetterMark({ state }: { state: DeadLetterItem['state'] }) {
  return <StateMark {...looks[state]} />
}
