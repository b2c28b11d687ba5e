'use client'

import { Menu as Base } from '@base-ui/react/menu'
import { clsx } from 'clsx'
import type { ReactElement, ReactNode } from 'react'

type MenuProps = {
  trigger: ReactElement
  children: ReactNode
  align?: 'start' | 'end'
  side?: 'top' | 'bottom'
}

export function Menu({ trigger, children, align = 'end', side = 'bottom' }: MenuProps) {
  return (
    <Base.Root modal={false}>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner className="z-50 outline-none" sideOffset={4} align={align} side={side}>
          <Base.Popup className="popup min-w-44 p-1">{children}</Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  )
}

type MenuItemProps = {
  children: ReactNode
  onClick?: () => void
  /** A link instead of an action. */
  href?: ReactElement
  danger?: boolean
  /** Why it cannot be done now; shown under the words instead of a dead entry. */
  refusal?: string | undefined
}

export function MenuItem({ children, onClick, href, danger = false, refusal }: MenuItemProps) {
  return (
    <Base.Item
      className={clsx('popup-item', danger && 'text-crit')}
      disabled={refusal !== undefined}
      {...(onClick ? { onClick } : {})}
      {...(href ? { render: href, nativeButton: false } : {})}
    >
      <span className="flex flex-col">
        <span className="flex items-center gap-2">{children}</span>
        {refusal ? <span className="text-12 text-faint">{refusal}</span> : null}
      </span>
    </Base.Item>
  )
}

type Option<Value extends string> = { value: Value; label: ReactNode }

export function MenuRadio<Value extends string>(props: {
  label: string
  value: Value
  options: readonly Option<Value>[]
  onChange: (value: Value) => void
}) {
  return (
    <Base.Group>
      <Base.GroupLabel className="px-2 pt-1.5 pb-1 text-12 text-faint">{props.label}</Base.GroupLabel>
      <Base.RadioGroup value={props.value} onValueChange={props.onChange}>
        {props.options.map((option) => (
          <Base.RadioItem key={option.value} value={option.value} className="popup-item" closeOnClick>
            <span className="flex flex-1 items-center gap-2">{option.label}</span>
            <Base.RadioItemIndicator className="text-accent">✓</Base.RadioItemIndicator>
          </Base.RadioItem>
        ))}
      </Base.RadioGroup>
    </Base.Group>
  )
}

export function MenuSeparator() {
  return <Base.Separator className="mx-1 my-1 h-px bg-line" />
}
