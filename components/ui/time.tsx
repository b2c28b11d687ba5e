'use client'

import { absoluteTime, relativeTime, type Precision } from './instant.ts'
import { useNow, useTimeZone } from './clock.tsx'

type TimeProps = {
  at: string
  /** `relative` with the absolute time on hover, or the other way round. */
  show?: 'relative' | 'absolute' | 'both'
  precision?: Precision
  className?: string
}

/** A moment: `<time datetime>`, relative for the eye, absolute for the record. */
export function Time({ at, show = 'relative', precision = 'second', className }: TimeProps) {
  const now = useNow()
  const timeZone = useTimeZone()
  const absolute = absoluteTime(at, timeZone, precision)
  const relative = relativeTime(Date.parse(at), now)
  if (show === 'both') {
    return (
      <time dateTime={at} className={className}>
        {absolute} <span className="text-faint">· {relative}</span>
      </time>
    )
  }
  // The browser's own hint, not a Tooltip: a page shows hundreds of times.
  const hint = show === 'relative' ? `${absolute} ${timeZone}` : `${relative} · ${at}`
  return (
    <time dateTime={at} title={hint} className={className}>
      {show === 'relative' ? relative : absolute}
    </time>
  )
}
