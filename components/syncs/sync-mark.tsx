import { StateMark, type State } from '#components/ui/state-mark.tsx'
import type { SyncItem } from '#lib/protocol/syncs.ts'

const looks: Record<SyncItem['outcome'], { state: State; word: string }> = {
  ok: { state: 'healthy', word: 'OK' },
  partial: { state: 'warning', word: 'Partial' },
  failed: { state: 'critical', word: 'Failed' },
}

export function SyncMark({ outcome }: { outcome: SyncItem['outcome'] }) {
  return <StateMark {...looks[outcome]} />
}
