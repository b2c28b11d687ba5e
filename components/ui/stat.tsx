import type { ReactNode } from 'react'
import { LiveValue } from './live-value.tsx'
import { Link } from './link.tsx'

type StatProps = {
  name: string
  value: string
  /** What it was an hour ago, or what share it is. */
  beside?: ReactNode
  mark?: ReactNode
  /** The list that explains the number. */
  href: string
}

/** A number that matters: big, with what it is compared to, and a way to what it counts. */
export function Stat({ name, value, beside, mark, href }: StatProps) {
  return (
    <Link
      href={href}
      className="pressable group flex min-w-0 flex-col gap-1 bg-surface px-4 py-3 hover:bg-hover focus-visible:outline-offset-[-2px]"
    >
      <span className="flex items-center gap-1.5 text-12 font-medium text-muted">
        {mark}
        {name}
      </span>
      <span className="flex items-baseline gap-2">
        <LiveValue value={value} className="text-28 font-semibold tracking-tight tabular-nums" />
        <span className="truncate text-12 text-faint">{beside}</span>
      </span>
    </Link>
  )
}

/** Numbers in one frame with hairlines between. */
export function StatRow({ children, label }: { children: ReactNode; label: string }) {
  return (
    <section
      aria-label={label}
      className="grid grid-cols-2 gap-px overflow-hidden rounded-lg border border-line bg-line *:last:nth-[odd]:col-span-2 md:auto-cols-fr md:grid-flow-col md:grid-cols-none md:*:last:nth-[odd]:col-span-1"
    >
      {children}
    </section>
  )
}
