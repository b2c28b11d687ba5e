'use client'

import { clsx } from 'clsx'
import type { ReactNode } from 'react'

type Segment<Value extends string> = { value: Value; label: ReactNode; count?: number | undefined }

type SegmentsProps<Value extends string> = {
  label: string
  value: Value
  segments: readonly Segment<Value>[]
  onChange: (value: Value) => void
}

/** One of a few, all in sight. */
export function Segments<Value extends string>({ label, value, segments, onChange }: SegmentsProps<Value>) {
  return (
    <div
      role="group"
      aria-label={label}
      className="inline-flex h-7 rounded-md border border-line-strong bg-surface p-px touch:h-11"
    >
      {segments.map((segment) => (
        <button
          key={segment.value}
          type="button"
          aria-pressed={segment.value === value}
          onClick={() => onChange(segment.value)}
          className={clsx(
            'pressable inline-flex items-center gap-1.5 rounded-[5px] px-2.5 text-13 whitespace-nowrap',
            segment.value === value ? 'bg-hover font-medium text-ink' : 'text-muted hover:text-ink',
          )}
        >
          {segment.label}
          {segment.count === undefined ? null : (
            <span className="text-12 text-faint tabular-nums">{segment.count}</span>
          )}
        </button>
      ))}
    </div>
  )
}
