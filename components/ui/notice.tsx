import { clsx } from 'clsx'
import type { ReactNode } from 'react'
import { Icon } from './icon.tsx'
import { StateShape, type State } from './state-mark.tsx'

const washes: Partial<Record<State, string>> = {
  healthy: 'bg-ok-soft border-ok-mark/30',
  warning: 'bg-warn-soft border-warn-mark/30',
  critical: 'bg-crit-soft border-crit-mark/30',
}

type NoticeProps = {
  state?: State
  title: ReactNode
  children?: ReactNode
  actions?: ReactNode
  alert?: boolean
}

/** Something a person must see here and now, said in place. `alert` reads it out when it appears. */
export function Notice({ state = 'unknown', title, children, actions, alert = false }: NoticeProps) {
  return (
    <div
      role={alert ? 'alert' : undefined}
      className={clsx(
        'flex flex-wrap items-start gap-x-3 gap-y-2 rounded-lg border px-3 py-2',
        washes[state] ?? 'border-line bg-sunken',
      )}
    >
      <StateShape state={state} className="mt-[5px]" />
      <div className="min-w-0 flex-1 basis-60">
        <p className="font-medium">{title}</p>
        {children ? <div className="text-muted">{children}</div> : null}
      </div>
      {actions ? <div className="flex gap-2">{actions}</div> : null}
    </div>
  )
}

/** What a role may not do, and who may: in the place of the button. */
export function Refusal({ children }: { children: ReactNode }) {
  return (
    <p className="flex items-start gap-2 text-muted">
      <Icon name="lock" className="mt-0.5 shrink-0 text-faint" />
      <span>{children}</span>
    </p>
  )
}
