'use client'

import { Select as Base } from '@base-ui/react/select'
import { clsx } from 'clsx'
import type { ReactNode } from 'react'
import { Icon } from './icon.tsx'

export type Choice<Value extends string> = { value: Value; label: ReactNode; mark?: ReactNode }

type SelectProps<Value extends string> = {
  /** Read out and shown in small before the value. */
  label: string
  value: Value
  choices: readonly Choice<Value>[]
  onChange: (value: Value) => void
  className?: string
}

/** One of a few: its name and its value in one control, so that a row of filters reads as a sentence. */
export function Select<Value extends string>({
  label,
  value,
  choices,
  onChange,
  className,
}: SelectProps<Value>) {
  const items = choices.map(({ value: v, label: l }) => ({ value: v, label: l }))
  return (
    <Base.Root<Value> items={items} value={value} onValueChange={(next) => next !== null && onChange(next)}>
      <Base.Trigger
        aria-label={label}
        className={clsx(
          'pressable inline-flex h-7 items-center gap-1.5 rounded-md border border-line-strong bg-surface pr-1.5 pl-2.5 text-13 whitespace-nowrap hover:bg-hover data-popup-open:bg-hover touch:h-11',
          className,
        )}
      >
        <span className="text-faint">{label}</span>
        <Base.Value className="font-medium" />
        <Base.Icon className="text-faint">
          <Icon name="chevron-down" width={14} height={14} />
        </Base.Icon>
      </Base.Trigger>
      <Base.Portal>
        <Base.Positioner className="z-50 outline-none" sideOffset={4} alignItemWithTrigger={false}>
          <Base.Popup className="popup min-w-(--anchor-width) p-1">
            <Base.List className="max-h-(--available-height) overflow-y-auto">
              {choices.map((choice) => (
                <Base.Item key={choice.value} value={choice.value} className="popup-item">
                  <span className="flex w-4 justify-center">{choice.mark}</span>
                  <Base.ItemText className="flex-1">{choice.label}</Base.ItemText>
                  <Base.ItemIndicator className="text-accent">
                    <Icon name="check" width={14} height={14} />
                  </Base.ItemIndicator>
                </Base.Item>
              ))}
            </Base.List>
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  )
}
