'use client'

import { clsx } from 'clsx'
import { useState, type ReactNode } from 'react'

/** Text that was just changed by a live update is tinted for a moment; at first sight nothing is. */
export function LiveValue({
  value,
  children,
  className,
}: {
  value: string | number
  children?: ReactNode
  className?: string
}) {
  const [seen, setSeen] = useState({ value, changes: 0 })
  if (seen.value !== value) setSeen({ value, changes: seen.changes + 1 })
  return (
    <span key={seen.changes} className={clsx('rounded-sm', seen.changes > 0 && 'animate-tint', className)}>
      {children ?? value}
    </span>
  )
}
