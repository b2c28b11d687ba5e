import { clsx } from 'clsx'
import type { ReactNode } from 'react'

/** Everything a thing can be in, as far as a person must tell at a glance. */
export type State = 'healthy' | 'warning' | 'critical' | 'unknown' | 'paused' | 'revoked'

const looks: Record<State, { word: string; colour: string; shape: ReactNode }> = {
  healthy: { word: 'Healthy', colour: 'text-ok-mark', shape: <circle cx="5" cy="5" r="3.75" /> },
  warning: { word: 'Warning', colour: 'text-warn-mark', shape: <path d="M5 .9 9.5 9h-9Z" /> },
  critical: { word: 'Critical', colour: 'text-crit-mark', shape: <path d="M5 .2 9.8 5 5 9.8.2 5Z" /> },
  unknown: {
    word: 'Unknown',
    colour: 'text-faint',
    shape: <circle cx="5" cy="5" r="3.4" fill="none" stroke="currentColor" strokeWidth="1.3" />,
  },
  paused: { word: 'Paused', colour: 'text-muted', shape: <path d="M2 1.2h2.1v7.6H2zM5.9 1.2H8v7.6H5.9z" /> },
  revoked: {
    word: 'Revoked',
    colour: 'text-faint',
    shape: (
      <g fill="none" stroke="currentColor" strokeWidth="1.3">
        <circle cx="5" cy="5" r="4" />
        <path d="m2.2 7.8 5.6-5.6" />
      </g>
    ),
  },
}

type StateMarkProps = {
  state: State
  /** The word beside the shape, where it is another than the state's own ("Discarded"). */
  word?: ReactNode
  className?: string
}

/** ● ▲ ◆ ○ ‖ ⊘ — colour, shape and word together; the only place where a state is drawn. */
export function StateMark({ state, word, className }: StateMarkProps) {
  return (
    <span className={clsx('inline-flex items-center gap-1.5 align-middle whitespace-nowrap', className)}>
      <StateShape state={state} />
      <span>{word ?? looks[state].word}</span>
    </span>
  )
}

/** The shape alone, for beside words that already name the state. */
export function StateShape({ state, className }: { state: State; className?: string }) {
  const look = looks[state]
  return (
    <svg
      aria-hidden
      width={10}
      height={10}
      viewBox="0 0 10 10"
      fill="currentColor"
      className={clsx('shrink-0', look.colour, className)}
    >
      {look.shape}
    </svg>
  )
}
