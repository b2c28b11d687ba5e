import type { ReactNode } from 'react'
import { StateShape, type State } from './state-mark.tsx'

type EmptyStateProps = {
  title: string
  /** What empty means here, and what would fill it. */
  children: ReactNode
  /** Whether empty is good news. */
  state?: State
  action?: ReactNode
}

export function EmptyState({ title, children, state, action }: EmptyStateProps) {
  return (
    <div className="flex flex-col items-center gap-1 px-6 py-14 text-center">
      <p className="flex items-center gap-2 text-14 font-medium">
        {state ? <StateShape state={state} /> : null}
        {title}
      </p>
      <p className="max-w-prose text-muted text-balance">{children}</p>
      {action ? <div className="mt-3">{action}</div> : null}
    </div>
  )
}
