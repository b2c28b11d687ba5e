import { clsx } from 'clsx'
import type { ReactNode } from 'react'

/** A small neutral label: a table, a strategy, a code. State is drawn by StateMark, never by a badge's colour. */
export function Badge({
  children,
  mono,
  className,
}: {
  children: ReactNode
  mono?: boolean
  className?: string
}) {
  return (
    <span
      className={clsx(
        'inline-flex h-5 max-w-full items-center rounded-sm border border-line bg-sunken px-1.5 text-12 whitespace-nowrap text-muted',
        mono && 'font-mono',
        className,
      )}
    >
      <span className="truncate">{children}</span>
    </span>
  )
}

/** How many wait. Empty when none do: a zero asks for nothing. */
export function Count({ value }: { value: number | undefined }) {
  if (!value) return null
  return (
    <span className="min-w-5 rounded-full bg-hover px-1.5 text-center text-12 leading-5 font-medium text-muted tabular-nums">
      {value > 999 ? '999+' : value}
    </span>
  )
}
