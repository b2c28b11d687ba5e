'use client'

import { Checkbox as Base } from '@base-ui/react/checkbox'
import { Icon } from './icon.tsx'

type CheckboxProps = {
  label: string
  checked: boolean
  indeterminate?: boolean
  onChange: (checked: boolean) => void
}

/** A tick whose words are elsewhere (a row, a column's head); `label` says them to who cannot see that. */
export function Checkbox({ label, checked, indeterminate = false, onChange }: CheckboxProps) {
  return (
    <Base.Root
      aria-label={label}
      checked={checked}
      indeterminate={indeterminate}
      onCheckedChange={onChange}
      className="pressable flex size-4 items-center justify-center rounded-sm border border-control bg-surface data-checked:border-accent-fill data-checked:bg-accent-fill data-indeterminate:border-accent-fill data-indeterminate:bg-accent-fill"
    >
      <Base.Indicator className="flex text-on-accent">
        {indeterminate ? (
          <span className="h-0.5 w-2 bg-on-accent" />
        ) : (
          <Icon name="check" width={12} height={12} strokeWidth={2} />
        )}
      </Base.Indicator>
    </Base.Root>
  )
}
