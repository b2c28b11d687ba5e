'use client'

import { Icon } from '#components/ui/icon.tsx'
import { Menu, MenuItem, MenuSeparator } from '#components/ui/menu.tsx'
import { SignOutItem } from '#components/account/sign-out-item.tsx'
import { ThemeChoice } from '#components/theme/theme-choice.tsx'
import type { Theme } from '#components/theme/theme.ts'
import { Link } from '#components/ui/link.tsx'

export type Person = { name: string; role: string }

export function PersonMenu({ person, theme }: { person: Person; theme: Theme }) {
  return (
    <Menu
      align="start"
      side="top"
      trigger={
        <button
          type="button"
          title="Account"
          className="pressable flex w-full items-center gap-2 rounded-md px-2 py-1 text-left hover:bg-hover data-popup-open:bg-hover"
        >
          <span className="flex min-w-0 flex-1 flex-col">
            <span className="truncate text-12 font-medium">{person.name}</span>
            <span className="text-12 leading-[14px] text-faint">{person.role}</span>
          </span>
          <Icon name="more" className="shrink-0 text-faint" />
        </button>
      }
    >
      <ThemeChoice theme={theme} />
      <MenuSeparator />
      <MenuItem href={<Link href="/account" />}>
        <Icon name="account" className="text-faint" /> Account
      </MenuItem>
      <SignOutItem />
    </Menu>
  )
}
