'use client'

import { clsx } from 'clsx'
import { usePathname } from 'next/navigation'
import type { ReactNode } from 'react'
import { SignOutItem } from '#components/account/sign-out-item.tsx'
import { ThemeChoice } from '#components/theme/theme-choice.tsx'
import type { Theme } from '#components/theme/theme.ts'
import { Count } from '#components/ui/badge.tsx'
import { Icon, type IconName } from '#components/ui/icon.tsx'
import { Menu, MenuItem, MenuSeparator } from '#components/ui/menu.tsx'
import { isHere, navigation, type Destination, type WaitingCounts } from './navigation.ts'
import { Link } from '#components/ui/link.tsx'

/** At the thumb, on a phone: what on-call needs first, the rest behind More. */
export function BottomBar({ waiting, theme }: { waiting: WaitingCounts; theme: Theme }) {
  const pathname = usePathname()
  const [operate, repair, ...rest] = navigation
  const [health, devices, ...operateRest] = operate?.items ?? []
  const waitingInAll = waiting.conflicts + waiting.deadLetters + waiting.sagas
  const more = [...operateRest, ...rest.flatMap((group) => group.items)]
  const inRepair = repair?.items.some((item) => isHere(item.href, pathname)) ?? false
  return (
    <nav
      aria-label="Main"
      className="fixed inset-x-0 bottom-0 z-30 grid grid-cols-4 border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      {[health, devices].map((item) =>
        item ? (
          <Link
            key={item.href}
            href={item.href}
            aria-current={isHere(item.href, pathname) ? 'page' : undefined}
            className={tabClass(isHere(item.href, pathname))}
          >
            <Icon name={item.icon} width={20} height={20} />
            {item.label}
          </Link>
        ) : null,
      )}
      <BarMenu icon="repair" label="Repair" here={inRepair} count={waitingInAll}>
        {repair?.items.map((item) => (
          <Entry key={item.href} item={item} waiting={waiting} />
        ))}
      </BarMenu>
      <BarMenu icon="more" label="More" here={more.some((item) => isHere(item.href, pathname))}>
        {more.map((item) => (
          <Entry key={item.href} item={item} waiting={waiting} />
        ))}
        <MenuItem href={<Link href="/account" />}>
          <Icon name="account" className="text-faint" /> Account
        </MenuItem>
        <MenuSeparator />
        <ThemeChoice theme={theme} />
        <MenuSeparator />
        <SignOutItem />
      </BarMenu>
    </nav>
  )
}

function tabClass(here: boolean): string {
  return clsx(
    'relative flex h-14 flex-col items-center justify-center gap-0.5 text-12 leading-none font-medium',
    here ? 'text-ink' : 'text-faint',
  )
}

function Entry({ item, waiting }: { item: Destination; waiting: WaitingCounts }) {
  return (
    <MenuItem href={<Link href={item.href} />}>
      <Icon name={item.icon} className="text-faint" /> {item.label}
      {item.count ? <Count value={waiting[item.count]} /> : null}
    </MenuItem>
  )
}

type BarMenuProps = { icon: IconName; label: string; here: boolean; count?: number; children: ReactNode }

function BarMenu({ icon, label, here, count, children }: BarMenuProps) {
  return (
    <Menu
      side="top"
      trigger={
        <button type="button" className={tabClass(here)}>
          <Icon name={icon} width={20} height={20} />
          {label}
          {count ? (
            <span className="absolute top-1 left-1/2 ml-1.5">
              <Count value={count} />
            </span>
          ) : null}
        </button>
      }
    >
      {children}
    </Menu>
  )
}
