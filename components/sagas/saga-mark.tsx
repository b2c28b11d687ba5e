import { StateMark, type State } from '#components/ui/state-mark.tsx'
import type { SagaItem } from '#lib/protocol/sagas.ts'

export const sagaLooks: Record<SagaItem['state'], { state: State; word: string }> = {
  running: { state: 'unknown', word: 'Running' },
  completed: { state: 'healthy', word: 'Completed' },
  compensating: { state: 'warning', word: 'Compensating' },
  compensated: { state: 'revoked', word: 'Compensated' },
  stuck: { state: 'critical', word: 'Stuck' },
}

export function SagaMark({ state }: { state: SagaItem['state'] }) {
  return <StateMark {...sagaLooks[state]} />
}
